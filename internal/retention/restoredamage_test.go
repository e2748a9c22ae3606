package retention

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/store"
)

// rewrite changes the files of runs whose names match, past the store.
func (w *world) rewrite(pattern string, change func(*SavedFile)) {
	w.t.Helper()
	w.damage(pattern, func(data []byte) []byte {
		var file SavedFile
		if err := json.Unmarshal(data, &file); err != nil {
			w.t.Fatal(err)
		}
		change(&file)
		data, err := store.MarshalJSON(file)
		if err != nil {
			w.t.Fatal(err)
		}
		return data
	})
}

func (w *world) damage(pattern string, change func([]byte) []byte) {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(strings.TrimPrefix(w.store.URL(folderOf(repository)+"runs"), "file://"), "*", pattern))
	if err != nil || len(files) == 0 {
		w.t.Fatalf("no file %s, %v", pattern, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err == nil {
			err = errors.Join(os.Remove(file), os.WriteFile(file, change(data), 0o600))
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// What a run wrote down and what is no longer as it did is never put back.
func TestDamagedInventoryIsRefused(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(w *world)
		left  int // that come back of four
	}{
		{"bytes", func(w *world) { w.rewrite("inventory-*", func(f *SavedFile) { f.Manifests[0].Raw[3] ^= 1 }) }, 3},
		{"digest", func(w *world) {
			w.rewrite("inventory-*", func(f *SavedFile) { f.Manifests[0].Digest = digestOf(nil) })
		}, 3},
		{"no digest", func(w *world) { w.rewrite("inventory-*", func(f *SavedFile) { f.Manifests[0].Digest = "x" }) }, 3},
		{"tags", func(w *world) {
			w.rewrite("inventory-*", func(f *SavedFile) { f.Manifests[0].Tags = []string{"nightly"} })
		}, 3},
		{"another manifest", func(w *world) {
			w.rewrite("inventory-*", func(f *SavedFile) {
				raw := []byte(`{"planted":true}`)
				f.Manifests[0] = Saved{digestOf(raw), imageType, nil, raw}
			})
		}, 3},
		{"repository", func(w *world) { w.rewrite("inventory-*", func(f *SavedFile) { f.Repository = "x" }) }, 0},
		{"cut short", func(w *world) { w.damage("inventory-*", func(data []byte) []byte { return data[:len(data)/2] }) }, 0},
		{"plan", func(w *world) {
			w.damage("plan.json", func(data []byte) []byte { return []byte(strings.Replace(string(data), sha(0), "nightly", 1)) })
		}, 0},
		{"plan cut short", func(w *world) { w.damage("plan.json", func(data []byte) []byte { return data[:9] }) }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, commits)
			w.old(6)
			w.carryOut(w.plan())
			tt.spoil(w)
			out, err := w.restorer().Restore(t.Context(), Wanted{Repository: repository})
			if err == nil || len(out.Damaged) == 0 || !strings.Contains(err.Error(), "are damaged") {
				t.Errorf("got %v, damaged %v", err, out.Damaged)
			}
			if n, _ := out.Count(Back); n != tt.left || len(w.manifests) != 2+tt.left || w.tags["nightly"] != "" {
				t.Errorf("%d are back, want %d; tags %v", n, tt.left, w.tags)
			}
		})
	}
}
