package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/testkit/need"
)

// A disk that fills up says so, and leaves no tag.
func TestFullDisk(t *testing.T) {
	need.Root(t)
	prefix := "slipway.test/full"
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=12m"); err != nil {
		t.Skipf("a small tmpfs cannot be mounted here: %v; run the tests as root of the machine", err)
	}
	t.Cleanup(func() { unmount(t, disk) })
	conf := filepath.Join(t.TempDir(), "storage.conf")
	text := fmt.Sprintf("[storage]\ndriver=\"overlay\"\ngraphroot=%q\nrunroot=%q\n", filepath.Join(disk, "root"), filepath.Join(disk, "run"))
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTAINERS_STORAGE_CONF", conf)
	b := builder(t, prefix, with(tiny, prefix, map[string]string{
		"images/large/Dockerfile": "FROM PREFIX/base\nRUN dd if=/dev/zero of=/large bs=1M count=50\n",
	}))
	if _, err := b.Build(context.Background(), "base", runtime.GOARCH, false); err != nil {
		t.Fatal(err)
	}
	_, err := b.Build(context.Background(), "large", runtime.GOARCH, false)
	if err == nil || !strings.Contains(err.Error(), "the disk of "+disk) || !strings.Contains(err.Error(), "make room") {
		t.Errorf("got %v\nwant an error that names the full disk and the cure", err)
	}
	images := storage(t, b.Podman)
	if len(images) != 1 || images.ID(prefix+"/base:latest") == "" {
		t.Errorf("the storage holds %v, want base alone", images)
	}
}

// unmount unmounts the disk and what podman mounted on it.
func unmount(t *testing.T, disk string) {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if at := strings.Fields(line)[4]; strings.HasPrefix(at, disk+"/") {
			_ = unix.Unmount(at, unix.MNT_DETACH)
		}
	}
	if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
		t.Error(err)
	}
}
