// Package tools gives tests and demos other people's programs that read what we sign and push.
//
// What cosign, crane and regctl say of our evidence is worth more than what our own
// code says of it. Each is built once, at a fixed version, into the user's cache:
// their dependencies stay out of go.mod. The first build of cosign takes minutes.
package tools

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/store/storetest/server"
)

// The programs, each a main package at a version.
var (
	cosign = server.Program{Package: "github.com/sigstore/cosign/v3/cmd/cosign", Version: "v3.1.3"}
	crane  = server.Program{Package: "github.com/google/go-containerregistry/cmd/crane", Version: "v0.22.1"}
	regctl = server.Program{Package: "github.com/regclient/regclient/cmd/regctl", Version: "v0.11.7"}
)

// prow is the version of Prow that go.mod has too: tests hold the two together.
const prow = "v0.0.0-20240619181241-cfb8754e0459"

// prowProgram is one of Prow's programs. Its golang.org/x/tools does not compile with
// the Go of today.
func prowProgram(folder string) server.Program {
	return server.Program{Package: "sigs.k8s.io/prow/" + folder, Version: prow, Toolchain: "go1.22.12"}
}

// buildDeadline is for one program, on a machine that has none of its modules.
const buildDeadline = 20 * time.Minute

// Cosign is the path of the program cosign, which verifies signatures.
func Cosign(t testing.TB) string { return install(t, cosign) }

// Crane is the path of the program crane, which reads and writes registries.
func Crane(t testing.TB) string { return install(t, crane) }

// Regctl is the path of the program regctl, which reads and writes registries.
func Regctl(t testing.TB) string { return install(t, regctl) }

// Prow is the path of one of Prow's own programs, such as hook, checkconfig,
// branchprotector, gerrit or fakegerritserver. The first takes two minutes to build, the others less.
func Prow(t testing.TB, name string) string {
	folder := "cmd/" + name
	if strings.HasPrefix(name, "fake") {
		folder = "test/integration/" + folder
	}
	return install(t, prowProgram(folder))
}

// Install is the path of the program cosign, crane or regctl, which it builds first if
// this user never did. It is for who is no test.
func Install(ctx context.Context, name string) (string, error) {
	for _, program := range []server.Program{cosign, crane, regctl} {
		if program.Name() == name {
			return program.Install(ctx)
		}
	}
	return "", fmt.Errorf("install %s: no version of it is fixed here", name)
}

// install builds a program, or skips the test where it cannot; in CI it must.
func install(t testing.TB, program server.Program) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), buildDeadline)
	defer cancel()
	begin := time.Now()
	file, err := program.Install(ctx)
	switch {
	case err == nil:
		t.Logf("%s %s is there after %.1f s", program.Name(), program.Version, time.Since(begin).Seconds())
		return file
	case os.Getenv("CI") != "":
		t.Fatal(err)
	default:
		t.Skipf("%v: run the test again where the Go module proxy can be reached", err)
	}
	return ""
}
