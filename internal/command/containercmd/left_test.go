package containercmd

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// nothingLeft makes a place for all temporary files and sees, when the test ended, that
// it is empty and that no process knows of it.
func nothingLeft(t *testing.T) {
	t.Helper()
	place, err := os.MkdirTemp("", "container-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", place)
	t.Cleanup(func() {
		if left := waitUntilEmpty(t, place); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
		if err := os.RemoveAll(place); err != nil {
			t.Error(err)
		}
	})
}

// waitUntilEmpty gives guards, which are no children of ours, a moment to end. Folders of
// tests themselves are made below place too, and do not count.
func waitUntilEmpty(t *testing.T, place string) (left []string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left = leftIn(t, place)
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}

func leftIn(t *testing.T, place string) (left []string) {
	t.Helper()
	entries, err := filepath.Glob(filepath.Join(place, "slipway-*"))
	if err != nil {
		t.Fatal(err)
	}
	left = append(left, entries...)
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range commands {
		if line, err := os.ReadFile(file); err == nil && bytes.Contains(line, []byte(place+"/slipway-")) {
			left = append(left, string(bytes.ReplaceAll(line, []byte{0}, []byte(" "))))
		}
	}
	return left
}
