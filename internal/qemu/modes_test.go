package qemu_test

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/qemu"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// A guest with a failed unit boots, and tells of it when it is asked.
func TestFailedUnit(t *testing.T) {
	t.Parallel()
	m := start(t, tinyguest.Config(t, tinyguest.FailedUnit))
	out, err := m.Run(t.Context(), guest.Command{Args: []string{"systemctl", "is-system-running"}})
	if err != nil || out.Code != 1 || string(out.Stdout) != "degraded\n" {
		t.Errorf("got %+v, %v", out, err)
	}
	if failed := run(t, m, "systemctl", "list-units", "--failed"); !strings.HasPrefix(failed, "broken.service ") {
		t.Errorf("got %q", failed)
	}
}

// A guest that needs longer is waited for, and that is said meanwhile.
func TestSlow(t *testing.T) {
	t.Parallel()
	var said atomic.Int32
	c := tinyguest.Config(t, tinyguest.Slow)
	c.Say = func(message string) {
		if strings.Contains(message, "boot the guest") {
			said.Add(1)
		}
	}
	start(t, c)
	if said.Load() == 0 {
		t.Error("nothing was said of the wait")
	}
}

// A guest without an agent is a machine like any other: it is restored, several times,
// and reboots, after which its SSH server has another key.
func TestWithoutAgent(t *testing.T) {
	t.Parallel()
	m := start(t, tinyguest.Config(t, tinyguest.NoAgent))
	run(t, m, "touch", "/run/before")
	s, err := m.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		restored := start(t, s)
		run(t, restored, "test", "-e", "/run/before", "-a", "!", "-e", "/run/after")
		run(t, restored, "touch", "/run/after")
		if err := restored.Close(); err != nil {
			t.Error(err)
		}
	}
	last := start(t, s)
	if err := last.Reboot(t.Context()); err != nil {
		t.Error(err)
	}
}

// The disk for cloud-init is one that another system's kernel reads, and it names the
// key that the guest was given.
func TestSeedInTheGuest(t *testing.T) {
	t.Parallel()
	c := tinyguest.Config(t, tinyguest.OK)
	c.Seed, c.Talk = true, qemu.SSH
	m := start(t, c)
	for _, module := range []string{"nls_cp437", "nls_ascii", "fat", "vfat"} {
		run(t, m, "insmod", filepath.Join("/lib/modules", module+".ko"))
	}
	run(t, m, "mount", "-t", "vfat", "-o", "ro", "/dev/vda", "/tmp")
	key := strings.TrimSpace(run(t, m, "cat", "/root/.ssh/authorized_keys"))
	if data := run(t, m, "cat", "/tmp/user-data"); key == "" || !strings.HasPrefix(data, "#cloud-config\n") || strings.Count(data, "- "+key+"\n") != 2 {
		t.Errorf("got %q, want key %q in it twice", data, key)
	}
	if data := run(t, m, "cat", "/tmp/meta-data"); !strings.HasPrefix(data, "instance-id: ") {
		t.Errorf("got %q", data)
	}
}
