// Package tinyguest is a guest for tests that boots in seconds.
//
// It is Debian's cloud kernel with an initramfs of busybox, the real QEMU guest agent
// and a real SSH server, all from packages that debian.lock names. What it does is
// chosen on the kernel's command line, so that every way in which a guest fails can be
// had on purpose. What is made of the packages lies in the user's cache, by the lock's
// content: tests make it once.
package tinyguest

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/debian"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/filelock"
	"slipway.dev/slipway/internal/qemu"
	"slipway.dev/slipway/internal/testkit/need"
)

// The modes: what the guest does.
const (
	OK         = "ok"          // answers
	Silent     = "silent"      // boots, and never answers
	Panic      = "panic"       // init ends, and the kernel panics
	RebootLoop = "reboot-loop" // reboots before it answers, each time
	Flood      = "flood"       // fills the console as fast as it can, and never answers
	PowerOff   = "poweroff"    // powers itself off before it answers
	Shell      = "shell"       // says that it is in emergency mode, and never answers
	FailedUnit = "failed-unit" // answers, and its systemctl tells of a unit that failed
	Slow       = "slow"        // answers ten seconds later
	NoAgent    = "no-agent"    // answers by SSH alone
)

// Config is a machine with the guest in it. It has little memory, and boots without
// firmware's help in its way. A busy machine has two minutes for its boot, which takes
// three seconds: a test of a guest that never answers shortens that.
func Config(t testing.TB, mode string) qemu.Config {
	t.Helper()
	need.Tool(t, "qemu-system-x86_64", "qemu-system-x86")
	g := made(t)
	return qemu.Config{
		Machine: qemu.Q35, Memory: 256 << 20, CPUs: 1, Kernel: g.kernel, Initrd: g.initrd,
		Append: "console=ttyS0 quiet loglevel=4 no_timer_check slipway.mode=" + mode, Boot: 2 * time.Minute, Work: t.TempDir(),
	}
}

// Kernel is the file of a Linux kernel.
func Kernel(t testing.TB) string { t.Helper(); return made(t).kernel }

// KernelVersion is what `uname -r` says in the guest.
func KernelVersion(t testing.TB) string { t.Helper(); return made(t).version }

// Initrd is the file of an initramfs that holds the whole guest.
func Initrd(t testing.TB) string { t.Helper(); return made(t).initrd }

// guest is the files of the guest.
type guest struct {
	kernel, initrd, version string
	packages                string // folder with the unpacked packages
}

//go:embed init
var initScript []byte

//go:embed systemctl
var systemctl []byte

// layout is the number of the way in which this package makes the guest. It grows with it.
const layout = "3"

// limit is how long the guest may take to be made: it is fetched once.
const limit = 5 * time.Minute

// made makes the guest, or finds it in the cache.
func made(t testing.TB) guest {
	t.Helper()
	need.Tool(t, "dpkg-deb", "dpkg")
	ctx, cancel := context.WithTimeoutCause(t.Context(), limit, errors.New("the tiny guest was not made within "+limit.String()))
	defer cancel()
	g, err := find(ctx, t.Logf)
	if err != nil {
		t.Fatalf("make the tiny guest: %v", err)
	}
	return g
}

func find(ctx context.Context, logf func(string, ...any)) (guest, error) {
	lock, err := debian.ParseLock("debian.lock", lockText)
	if err != nil {
		return guest{}, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return guest{}, err
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{layout, string(lockText), string(initScript), string(systemctl)}, "\x00")))
	folder := filepath.Join(cache, "slipway", "tinyguest", hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(folder); err == nil {
		return describe(folder)
	}
	say := func(m string) { logf("%s", m) }
	unlock, err := filelock.Waiter{For: "the tiny guest", Limit: limit, Say: say}.Lock(ctx, folder+".lock")
	if err != nil {
		return guest{}, err
	}
	defer unlock()
	if _, err := os.Stat(folder); err == nil {
		return describe(folder)
	}
	archive := debian.Archive{Say: say}
	if err := archive.Fetch(ctx, lock, arch); err != nil {
		return guest{}, err
	}
	aside := folder + ".part"
	if err := errors.Join(os.RemoveAll(aside), build(ctx, archive, lock, aside)); err != nil {
		return guest{}, err
	}
	if err := os.Rename(aside, folder); err != nil {
		return guest{}, err
	}
	return describe(folder)
}

// build unpacks the packages and packs the initramfs.
func build(ctx context.Context, archive debian.Archive, lock debian.Lock, folder string) error {
	packages := filepath.Join(folder, "packages")
	if err := os.MkdirAll(packages, 0o755); err != nil {
		return err
	}
	for _, p := range lock.Packages[arch] {
		if err := exec.Run(ctx, exec.Cmd{Args: []string{"dpkg-deb", "--extract", archive.Path(p), packages}}); err != nil {
			return fmt.Errorf("unpack %s: %w", p, err)
		}
	}
	files, err := contents(ctx, packages)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "initrd.cpio"), pack(files), 0o644)
}

func describe(folder string) (guest, error) {
	kernels, err := filepath.Glob(filepath.Join(folder, "packages", "boot", "vmlinuz-*"))
	if err != nil || len(kernels) != 1 {
		return guest{}, fmt.Errorf("%s holds %d kernels, want one; remove that folder", folder, len(kernels))
	}
	return guest{
		kernel: kernels[0], initrd: filepath.Join(folder, "initrd.cpio"),
		version:  strings.TrimPrefix(filepath.Base(kernels[0]), "vmlinuz-"),
		packages: filepath.Join(folder, "packages"),
	}, nil
}
