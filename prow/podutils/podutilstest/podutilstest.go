// Package podutilstest gives tests the pod utilities as a real program.
//
// It is built as the image has it. Go's cache and the file of the last run make
// building it again take half a second, so each package may ask for its own copy
// and two packages under test never write one file.
package podutilstest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
)

// Program is the path of the pod utilities' program, built for the package that
// asks. A test that is done with it leaves it there for the next run.
func Program(t testing.TB, forPackage string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(cache, "slipway", "test", forPackage, "pod-utilities")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if _, err := exec.Output(ctx, exec.Cmd{
		Args: []string{"go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w",
			"-o", program, "slipway.dev/slipway/images/pod-utilities"},
		Env: append(os.Environ(), "CGO_ENABLED=0"),
	}); err != nil {
		t.Fatal(err)
	}
	return program
}
