package server

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// TestInstall builds the servers that other packages' tests run on. On a machine
// that never did, this takes minutes: `make test` runs it first, and alone.
func TestInstall(t *testing.T) {
	for _, program := range []Program{FakeGCS, Minio} {
		t.Run(program.Name(), func(t *testing.T) { install(t, program) })
	}
}

// TestFailedInstall leaves no program behind, and says what it tried.
func TestFailedInstall(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("GOCACHE", t.TempDir())
	t.Setenv("GOPROXY", "off")
	ctx, cancel := context.WithTimeout(t.Context(), startDeadline)
	defer cancel()
	missing := Program{Package: "slipway.invalid/server", Version: "v1.0.0"}
	if file, err := missing.Install(ctx); err == nil {
		t.Fatalf("installed %s, which does not exist", file)
	}
	left, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "slipway", "tools", "*", "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "lock" {
		t.Errorf("left %q, %v; want the lock alone", left, err)
	}
}
