package openqa

import (
	"os"
	"testing"

	"slipway.dev/slipway/internal/testkit/netns"
)

// A real openQA comes up, with a worker that waits for jobs.
func TestReal(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "os" {
		t.Skip("an openQA of Debian's packages takes a while; run: make e2e-os")
	}
	if !netns.Alone(t) {
		return
	}
	StartReal(t, "testdata/slipway")
}
