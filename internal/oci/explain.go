package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Error says what was done, what the registry did, and the cure.
type Error struct {
	Doing string
	What  string // with the registry's name
	Cure  string
	Err   error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s: %v; %s", e.Doing, e.What, e.Err, e.Cure)
}

func (e *Error) Unwrap() error { return e.Err }

// Explain words an error of speaking with a registry: an *Error where the cause is
// understood. What is explained already only gets doing before it.
func Explain(doing, host string, err error) error {
	if err == nil {
		return nil
	}
	var explained *Error
	what, cure := diagnose(host, err)
	if what == "" || errors.As(err, &explained) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return &Error{Doing: doing, What: what, Cure: cure, Err: err}
}

const again = "try again; if it stays so, tell the registry's administrators"

func diagnose(host string, err error) (what, cure string) {
	var answer *transport.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, ErrAbsent):
		return "", ""
	case errors.As(err, &answer):
		return diagnoseAnswer(host, answer)
	case isWrong(err):
		return "registry " + host + " sent wrong bytes", again
	case errors.Is(err, syscall.ENOSPC):
		return "the disk is full", "make room and try again"
	}
	return diagnoseConnection(host, err)
}

// diagnoseAnswer words an answer that refuses.
func diagnoseAnswer(host string, answer *transport.Error) (what, cure string) {
	method := http.MethodGet
	if answer.Request != nil {
		method = answer.Request.Method
	}
	writes := method != http.MethodGet && method != http.MethodHead
	denied := answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden
	switch {
	case denied && writes:
		return "registry " + host + " refuses to be written", "log in with `podman login " + host + "` as one who may push, or ask for that right"
	case denied:
		return "registry " + host + " refuses", "log in with `podman login " + host + "`, or ask for access"
	case answer.StatusCode == http.StatusMethodNotAllowed && method == http.MethodDelete:
		return "registry " + host + " deletes nothing", "let its administrators switch deletion on (for distribution: storage.delete.enabled)"
	case answer.StatusCode == http.StatusMethodNotAllowed && writes:
		return "registry " + host + " is read-only", "wait for the end of its maintenance, or let its administrators end it"
	}
	return "registry " + host + " answers with an error", again
}

// diagnoseConnection words what came instead of an answer.
func diagnoseConnection(host string, err error) (what, cure string) {
	var (
		idle   stalled
		busy   *BusyError
		dial   *net.OpError
		other  *url.Error
		syntax *json.SyntaxError
	)
	switch {
	case errors.As(err, &idle):
		return "registry " + host + " stalls", again
	case errors.As(err, &busy):
		return "registry " + host + " is busy", "come back later, or give it a smaller request budget"
	case errors.Is(err, context.DeadlineExceeded):
		return "registry " + host + " did not answer in time", again
	case isShort(err.Error()), errors.Is(err, io.ErrUnexpectedEOF):
		return "registry " + host + " cut an answer short", again
	case errors.As(err, &syntax):
		return host + " answers, but not as a registry does", "check that the registry's name is right"
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "registry " + host + " closed the connection", again
	case errors.As(err, &dial) && dial.Op == "dial", errors.As(err, &other):
		return "registry " + host + " cannot be reached", "check that its name is right and that it is up"
	}
	return "", ""
}

// isWrong knows bytes that are not their digest's, in our words and in
// go-containerregistry's.
func isWrong(err error) bool {
	var digest *DigestError
	return errors.As(err, &digest) || !isShort(err.Error()) &&
		(strings.Contains(err.Error(), "error verifying") || strings.Contains(err.Error(), "does not match requested digest"))
}

// isShort knows go-containerregistry's words for a blob of another size than its
// descriptor's.
func isShort(message string) bool {
	return strings.Contains(message, "error verifying size") || strings.Contains(message, "does not match expected size")
}
