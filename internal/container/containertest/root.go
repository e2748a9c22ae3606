// Package containertest makes the root file system that tests of containers start.
//
// It is a real Debian with systemd, made once by mmdebstrap and kept in the user's cache,
// since it takes half a minute. What a test changes in it is in memory: a test gets a
// folder that it does not write to.
package containertest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

// recipe is what makes the root; another recipe is another root.
var recipe = []string{
	"mmdebstrap", "--mode=root", "--variant=minbase", "--include=systemd,systemd-sysv,dbus",
	"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
	"bookworm",
}

// Root is the folder of a small Debian with systemd, which nobody may change.
func Root(t testing.TB) string {
	t.Helper()
	need.Root(t)
	need.Tool(t, "mmdebstrap", "mmdebstrap")
	need.Tool(t, "systemd-nspawn", "systemd-container")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(strings.Join(recipe, "\x00")))
	folder := filepath.Join(cache, "slipway", "test", "container-"+hex.EncodeToString(sum[:6]))
	if err := makeOnce(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	return folder
}

// makeOnce makes the root unless it is there; of several processes one makes it.
func makeOnce(ctx context.Context, folder string) error {
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	silent := func(string) {}
	unlock, err := filelock.Waiter{For: "the root of container tests", Limit: 10 * time.Minute, Say: silent}.Lock(ctx, folder+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	making, remove, err := scratch.Place{Parent: filepath.Dir(folder), Prefix: "making-container-"}.Make()
	if err != nil {
		return err
	}
	defer remove()
	tree := filepath.Join(making, "root")
	args := append([]string{"unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--"}, recipe...)
	if err := exec.Run(ctx, exec.Cmd{Args: append(args, tree)}); err != nil {
		return fmt.Errorf("make the root of container tests: %w", err)
	}
	return os.Rename(tree, folder)
}
