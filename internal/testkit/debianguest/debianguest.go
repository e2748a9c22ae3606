// Package debianguest is a whole Debian for tests, with its kernel and systemd.
//
// The tiny guest boots in seconds because there is so little in it. This one is what
// people run: an initramfs, systemd, udev, D-Bus, an SSH server and the agent, as Debian
// ships them. It is made once by mmdebstrap and kept in the user's cache, by its recipe.
package debianguest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/filelock"
	"slipway.dev/slipway/internal/scratch"
	"slipway.dev/slipway/internal/testkit/need"
)

// Guest is the files of the guest. Nobody may change them.
type Guest struct {
	Archive        string // the root as a tar, with kernel and initrd in /boot
	Kernel, Initrd string
	Disk           string // raw: a file system with the root in it, and no boot loader
}

// Append is what the kernel has to be told to boot the disk.
const Append = "root=/dev/vda rw console=ttyS0 quiet no_timer_check"

// limit is how long the guest may take to be made: its packages are fetched.
const limit = 10 * time.Minute

// recipe makes the archive; another recipe is another guest.
var recipe = []string{
	"mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar",
	"--include=systemd-sysv,udev,dbus,linux-image-cloud-amd64,qemu-guest-agent,openssh-server",
	"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
	`--customize-hook=printf '[Match]\nName=en*\n[Network]\nDHCP=yes\n' >"$1"/etc/systemd/network/all.network`,
	`--customize-hook=chroot "$1" systemctl enable systemd-networkd`, `--customize-hook=echo debian >"$1"/etc/hostname`,
	"bookworm",
}

const diskSize = 1 << 30

// Make makes the guest, or finds it in the cache.
func Make(t testing.TB) Guest {
	t.Helper()
	need.Root(t)
	need.Tool(t, "mmdebstrap", "mmdebstrap")
	need.Tool(t, "mke2fs", "e2fsprogs")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(strings.Join(append(recipe, Append, fmt.Sprint(diskSize)), "\x00")))
	folder := filepath.Join(cache, "slipway", "test", "debian-"+hex.EncodeToString(sum[:6]))
	ctx, cancel := context.WithTimeoutCause(t.Context(), limit, errors.New("Debian's guest was not made within "+limit.String()))
	defer cancel()
	if err := makeOnce(ctx, folder, t.Logf); err != nil {
		t.Fatalf("make Debian's guest: %v", err)
	}
	in := func(name string) string { return filepath.Join(folder, name) }
	return Guest{Archive: in("root.tar"), Kernel: in("vmlinuz"), Initrd: in("initrd"), Disk: in("root.raw")}
}

// makeOnce makes the guest unless it is there; of several processes one makes it.
func makeOnce(ctx context.Context, folder string, logf func(string, ...any)) error {
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	say := func(message string) { logf("%s", message) }
	unlock, err := filelock.Waiter{For: "Debian's guest", Limit: limit, Say: say}.Lock(ctx, folder+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	making, remove, err := scratch.Place{Parent: filepath.Dir(folder), Prefix: "making-debian-"}.Make()
	if err != nil {
		return err
	}
	defer remove()
	files := filepath.Join(making, "guest")
	if err := build(ctx, files, filepath.Join(making, "root")); err != nil {
		return err
	}
	return os.Rename(files, folder)
}

// build makes the guest's files in a folder, by way of its root as a tree.
func build(ctx context.Context, folder, root string) error {
	for _, dir := range []string{folder, root} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	archive, disk := filepath.Join(folder, "root.tar"), filepath.Join(folder, "root.raw")
	alone := []string{"unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--"}
	if err := exec.Run(ctx, exec.Cmd{Args: append(append(alone, recipe...), archive)}); err != nil {
		return err
	}
	if err := exec.Run(ctx, exec.Cmd{Args: []string{"tar", "-C", root, "--numeric-owner", "-xpf", archive}}); err != nil {
		return err
	}
	for name, pattern := range map[string]string{"vmlinuz": "vmlinuz-*", "initrd": "initrd.img-*"} {
		found, err := filepath.Glob(filepath.Join(root, "boot", pattern))
		if err != nil || len(found) != 1 {
			return fmt.Errorf("it has %d files /boot/%s, want one", len(found), pattern)
		}
		data, err := os.ReadFile(found[0])
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), data, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return exec.Run(ctx, exec.Cmd{Args: []string{"mke2fs", "-q", "-t", "ext4", "-d", root, disk, fmt.Sprint(diskSize >> 10)}})
}
