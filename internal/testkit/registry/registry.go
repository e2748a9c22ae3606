// Package registry runs real image registries on loopback, and breaks them.
//
// What a client of registries must survive differs between them: one has the
// referrers API and two have not, one pages its tags and two do not. So a test runs
// over all Kinds. A Proxy stands before any of them, counts what it is asked, and
// answers a share of it wrongly in the ways that real registries do.
package registry

import (
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"slipway.dev/slipway/internal/testkit/need"
)

// Kind is a program that is a registry.
type Kind string

// The kinds of registries.
const (
	InProcess    Kind = "go-containerregistry" // the only one with the referrers API
	Debian       Kind = "docker-registry"      // distribution 2.8, as Debian has it
	Distribution Kind = "distribution"         // distribution v3, built from source
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{InProcess, Debian, Distribution} }

// Server is a registry that runs until its test ends. It speaks http and lets
// everybody read, write and delete.
type Server struct {
	Kind Kind
	Host string // HOST:PORT
}

// HasReferrers says whether the server has the referrers API.
func (s Server) HasReferrers() bool { return s.Kind == InProcess }

// Start runs an empty registry. A machine that lacks the program skips the test.
func Start(t testing.TB, kind Kind) Server {
	t.Helper()
	switch kind {
	case Debian:
		need.Tool(t, "docker-registry", "docker-registry")
		return Server{Kind: kind, Host: run(t, "docker-registry", "")}
	case Distribution:
		return Server{Kind: kind, Host: run(t, "registry", install(t))}
	default:
		return Server{Kind: InProcess, Host: inProcess(t)}
	}
}

func inProcess(t testing.TB) string {
	handler := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}
