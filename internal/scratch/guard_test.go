package scratch

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
)

// parentFolder in the environment makes this program one that makes folders until it is killed.
const parentFolder = "SCRATCH_TEST_PARENT"

func TestMain(m *testing.M) {
	if parent := os.Getenv(parentFolder); parent != "" {
		for {
			folder, remove, err := Place{Parent: parent, Prefix: "g-"}.MakeGuarded(context.Background())
			if err != nil {
				os.Exit(1)
			}
			for _, name := range []string{"a", "b/c", "d"} {
				_ = os.MkdirAll(filepath.Join(folder, name), 0o755)
			}
			_ = os.WriteFile(filepath.Join(folder, "a", "file"), make([]byte, 1<<20), 0o644)
			remove()
		}
	}
	os.Exit(m.Run())
}

func TestGuardedFolderGoesWhenItIsRemoved(t *testing.T) {
	parent := t.TempDir()
	folder, remove, err := Place{Parent: parent, Prefix: "g-"}.MakeGuarded(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if len(guards(t, parent)) != 1 {
		t.Error("there is no guard")
	}
	remove()
	if left := list(t, parent); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	waitUntil(t, "the guard has ended", func() bool { return len(guards(t, parent)) == 0 })
}

// Killed at any moment, with its whole group, a process leaves neither folder nor guard.
func TestKilledAnyTime(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	parent := t.TempDir()
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(20+random.IntN(60))*time.Millisecond)
		_ = exec.Run(ctx, exec.Cmd{
			Path: "/proc/self/exe", Args: []string{"maker"}, Env: append(os.Environ(), parentFolder+"="+parent),
			Attr: &syscall.SysProcAttr{},
		})
		cancel()
		waitUntil(t, "nothing is left", func() bool { return len(guards(t, parent)) == 0 && len(list(t, parent)) == 0 })
	}
}

// guards are the processes that name a folder.
func guards(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		if line, err := os.ReadFile(file); err == nil && strings.Contains(string(line), folder) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

func waitUntil(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !reached(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited for: %s", what)
		}
	}
}
