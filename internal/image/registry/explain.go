package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// explain says what was done, what happened to the registry, and the cure. Nothing
// that it explains is an absent image.
func explain(doing, host string, err error) error {
	if err == nil {
		return nil
	}
	what, cure := diagnose(host, err)
	if what == "" {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %s: %w; %s", doing, what, err, cure)
}

const again = "try again; if it stays so, tell the registry's administrators"

func diagnose(host string, err error) (what, cure string) {
	var (
		idle   stalled
		answer *transport.Error
		dial   *url.Error
		syntax *json.SyntaxError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "", ""
	case errors.Is(err, syscall.ENOSPC):
		return "the disk is full", "make room and try again"
	case errors.As(err, &idle):
		return "registry " + host + " stalls", again
	case errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
		return "registry " + host + " refuses", "log in with `podman login " + host + "`, or ask for access"
	case errors.As(err, &answer):
		return "registry " + host + " answers with an error", again
	case isShort(err.Error()), errors.Is(err, io.ErrUnexpectedEOF):
		return "registry " + host + " cut an answer short", again
	case strings.Contains(err.Error(), "error verifying"), strings.Contains(err.Error(), "does not match requested digest"):
		return "registry " + host + " sent wrong bytes", again
	case errors.As(err, &syntax):
		return host + " answers, but not as a registry does", "check that the remote prefix is right"
	case errors.As(err, &dial):
		return "registry " + host + " cannot be reached", "check that the remote prefix is right and that the registry is up"
	}
	return "", ""
}

// isShort knows go-containerregistry's words for a blob of another size than its
// descriptor's.
func isShort(message string) bool {
	return strings.Contains(message, "error verifying size") || strings.Contains(message, "does not match expected size")
}
