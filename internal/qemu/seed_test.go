package qemu

import (
	"strings"
	"testing"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// The NoCloud disk is one that cloud-init finds, with the key in it.
func TestSeed(t *testing.T) {
	need.Tool(t, "mcopy", "mtools")
	file, err := seed(t.Context(), t.TempDir(), "ssh-ed25519 AAAA slipway")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Output(t.Context(), exec.Cmd{Args: []string{"mtype", "-i", file, "::user-data"}})
	if err != nil || !strings.HasPrefix(string(out), "#cloud-config\n") || !strings.Contains(string(out), "\n- ssh-ed25519 AAAA slipway\n") {
		t.Errorf("got %q, %v", out, err)
	}
	if label, err := exec.Output(t.Context(), exec.Cmd{Args: []string{"mlabel", "-s", "-i", file, "::"}}); err != nil || !strings.Contains(string(label), "CIDATA") {
		t.Errorf("got %q, %v", label, err)
	}
}
