package tinyguest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// The tree holds what an image of an operating system must, and what runs in it runs.
func TestTree(t *testing.T) {
	root := Tree(t)
	boot := filepath.Join(root, "usr", "lib", "modules", KernelVersion(t))
	for from, to := range map[string]string{Kernel(t): "vmlinuz", Initrd(t): "initramfs.img"} {
		want, errWant := os.ReadFile(from)
		got, errGot := os.ReadFile(filepath.Join(boot, to))
		if errWant != nil || errGot != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not the guest's: %v, %v", to, errWant, errGot)
		}
	}
	if init, err := os.ReadFile(filepath.Join(root, "sbin", "init")); err != nil || !bytes.Equal(init, initScript) {
		t.Errorf("sbin/init is not the guest's: %v", err)
	}
	need.Root(t)
	need.Tool(t, "chroot", "coreutils")
	out, err := exec.Output(t.Context(), exec.Cmd{Args: []string{"chroot", root, "/usr/sbin/qemu-ga", "--version"}})
	if err != nil || !bytes.HasPrefix(out, []byte("QEMU Guest Agent")) {
		t.Errorf("the agent in it: %q, %v", out, err)
	}
}
