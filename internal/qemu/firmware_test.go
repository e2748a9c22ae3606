package qemu_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"slipway.dev/slipway/internal/qemu"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

const uefiVars = "/usr/share/OVMF/OVMF_VARS_4M.fd"

// A variable of UEFI is kept over a reboot and in a snapshot, and forgotten with the
// machine: the firmware's file stays as the package has it.
func TestUEFI(t *testing.T) {
	t.Parallel()
	before, err := os.ReadFile(uefiVars)
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skip("there is no firmware; run: apt-get install --no-install-recommends ovmf")
	}
	if err != nil {
		t.Fatal(err)
	}
	c := tinyguest.Config(t, tinyguest.OK)
	c.Firmware, c.Online = qemu.UEFI, true
	m := start(t, c)
	checkReach(t, m, true)
	const variable = "/sys/firmware/efi/efivars/Slipway-12345678-1234-1234-1234-123456789abc"
	mount := []string{"sh", "-c", "insmod /lib/modules/efivarfs.ko; mount -t efivarfs efivarfs /sys/firmware/efi/efivars"}
	run(t, m, mount...)
	run(t, m, "sh", "-c", "printf '\\007\\000\\000\\000kept' > "+variable)
	if err := m.Reboot(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(t, m, mount...)
	if got := run(t, m, "cat", variable); got != "\a\x00\x00\x00kept" {
		t.Errorf("after a reboot: got %q", got)
	}
	s, err := m.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	restored := start(t, s)
	if err := restored.Reboot(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(t, restored, mount...)
	if got := run(t, restored, "cat", variable); got != "\a\x00\x00\x00kept" {
		t.Errorf("in a restored machine that rebooted: got %q", got)
	}
	if after, err := os.ReadFile(uefiVars); err != nil || !bytes.Equal(after, before) {
		t.Errorf("%s was written: %v", filepath.Base(uefiVars), err)
	}
}
