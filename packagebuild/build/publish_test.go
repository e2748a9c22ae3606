package build

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/packagebuild"
)

// made is a target's result: files of a folder of its own, name → content.
func made(t *testing.T, target string, files map[string]string) Result {
	t.Helper()
	dir := t.TempDir()
	r := Result{Target: target}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		r.Files = append(r.Files, File{Path: path, Kind: release.KindPackage, Package: &packagebuild.Package{Path: path}})
	}
	return r
}

func TestPublish(t *testing.T) {
	out := t.TempDir()
	for range 2 { // the second time everything is there
		r := made(t, "deb12", map[string]string{"a.deb": "a", "b.deb": "b"})
		if err := publish([]Result{r, made(t, "goo", map[string]string{"c.goo": "c"})}, out); err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Files {
			if filepath.Dir(f.Path) != out || f.Package.Path != f.Path {
				t.Errorf("paths do not move along: %s, %s", f.Path, f.Package.Path)
			}
		}
	}
	if diff := cmp.Diff([]string{"a.deb", "b.deb", "c.goo"}, entries(t, out)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPublishRefuses(t *testing.T) {
	tests := []struct {
		name  string
		there map[string]string // in the output folder
		goo   map[string]string
		want  string
	}{
		{"other bytes of the first", map[string]string{"a.deb": "other"}, map[string]string{"c.goo": "c"}, "a.deb exists with other bytes; remove it"},
		{"other bytes of the last", map[string]string{"c.goo": "other"}, map[string]string{"c.goo": "c"}, "c.goo exists with other bytes; remove it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, had := t.TempDir(), []string{}
			for name, text := range tt.there {
				had = append(had, name)
				if err := os.WriteFile(filepath.Join(out, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			err := publish([]Result{made(t, "deb12", map[string]string{"a.deb": "a", "b.deb": "b"}), made(t, "goo", tt.goo)}, out)
			wantError(t, err, tt.want)
			if diff := cmp.Diff(had, entries(t, out)); diff != "" {
				t.Errorf("the output folder changed: -want +got:\n%s", diff)
			}
			for name, text := range tt.there {
				if got := read(t, filepath.Join(out, name)); got != text {
					t.Errorf("%s was overwritten with %q", name, got)
				}
			}
		})
	}
}

// Targets that made one name are set aside, with the same content too: which of the
// two was released would be chance.
func TestSetClashesAside(t *testing.T) {
	for _, content := range []string{"a", "b"} {
		rest, err := setClashesAside([]Result{
			made(t, "deb12", map[string]string{"a.deb": "a", "b.deb": "b"}),
			made(t, "deb13", map[string]string{"c.deb": "c"}),
			made(t, "goo", map[string]string{"a.deb": content}),
		})
		wantError(t, err, "deb12 and goo both produced a.deb")
		if len(rest) != 1 || rest[0].Target != "deb13" {
			t.Errorf("got %v, want deb13 alone", rest)
		}
	}
}

func TestPublishIntoNothing(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	err := publish([]Result{made(t, "deb12", map[string]string{"a.deb": "a"})}, gone)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that %s is not there", err, gone)
	}
	wantError(t, err, gone)
}

func TestInspect(t *testing.T) {
	if _, err := Inspect("/nowhere/package.apk"); err == nil {
		t.Error("an apk was inspected")
	} else {
		wantError(t, err, "/nowhere/package.apk", ".deb, .rpm, .goo")
	}
	empty := filepath.Join(t.TempDir(), "empty.deb")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Inspect(empty)
	wantError(t, err, empty)
}
