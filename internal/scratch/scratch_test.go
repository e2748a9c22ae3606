package scratch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/filelock"
)

// What a killed process left goes with the next folder, cleaned first; what a living
// one has stays, and so does what is new or is not ours.
func TestSweep(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "work")
	old := time.Now().Add(-2 * Unlocked)
	for _, name := range []string{"a-killed", "a-living", "a-stubborn", "a-young", "other"} {
		folder := filepath.Join(parent, name)
		if err := os.MkdirAll(filepath.Join(folder, "inside"), 0o755); err != nil {
			t.Fatal(err)
		}
		if name != "a-young" {
			if err := os.Chtimes(folder, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	living, err := filelock.Try(filepath.Join(parent, "a-living"))
	if err != nil {
		t.Fatal(err)
	}
	defer living.Close()
	var cleaned []string
	folder, remove, err := Place{parent, "a-", func(folder string) error {
		cleaned = append(cleaned, filepath.Base(folder))
		if filepath.Base(folder) == "a-stubborn" {
			return errors.New("not now")
		}
		return nil
	}}.Make()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a-killed", "a-stubborn"}, cleaned); diff != "" {
		t.Errorf("cleaned (-want +got):\n%s", diff)
	}
	if _, err := filelock.Try(folder); !errors.Is(err, filelock.ErrHeld) {
		t.Errorf("the folder is not locked: %v", err)
	}
	remove()
	if diff := cmp.Diff([]string{"a-living", "a-stubborn", "a-young", "other"}, list(t, parent)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
