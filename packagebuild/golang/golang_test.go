package golang

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writeTree writes files, given by slash-separated path, below dir.
func writeTree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for rel, text := range files {
		path := filepath.Join(dir, rel)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFind(t *testing.T) {
	tree, extra := t.TempDir(), t.TempDir()
	writeTree(t, tree, map[string]string{
		"go.mod":                       "module example.com/agent // comment\n\ngo 1.25.5\n\ntoolchain go1.26.1\n",
		"e2e_tests/go.mod":             "module example.com/agent/e2e\ngo 1.22\n",
		"e2e_tests/vendor/modules.txt": "",
		"vendor/a/go.mod":              "module a\n",
		"internal/testdata/b/go.mod":   "this is no go.mod",
		".tools/go.mod":                "module c\n",
		"_old/go.mod":                  "module d\n",
	})
	writeTree(t, extra, map[string]string{"cmd/go.mod": "module example.com/old\n"})
	if err := os.Symlink("/etc/passwd", filepath.Join(extra, "go.mod")); err != nil {
		t.Fatal(err)
	}
	got, err := Find(tree, extra)
	if err != nil {
		t.Fatal(err)
	}
	want := []Module{
		{Dir: tree, Root: tree, Path: "example.com/agent", GoVersion: "1.25.5", Toolchain: "go1.26.1"},
		{Dir: filepath.Join(tree, "e2e_tests"), Root: tree, Path: "example.com/agent/e2e", GoVersion: "1.22", Vendored: true, Nested: true},
		{Dir: filepath.Join(extra, "cmd"), Root: extra, Path: "example.com/old"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Find (-want +got):\n%s", diff)
	}
}

func TestFindNamesTheBrokenFile(t *testing.T) {
	tree := t.TempDir()
	writeTree(t, tree, map[string]string{"go.mod": "module m\n\ngo one\n"})
	_, err := Find(tree)
	if err == nil || !strings.Contains(err.Error(), filepath.Join(tree, "go.mod")+":3") {
		t.Errorf("Find of a broken go.mod = %v, want the file and line 3", err)
	}
}

func TestNewest(t *testing.T) {
	for _, test := range []struct {
		name    string
		modules []Module
		want    string
	}{
		{"none", nil, ""},
		{"no go line", []Module{{Path: "m"}}, ""},
		{"numbers, not strings", []Module{{GoVersion: "1.9"}, {GoVersion: "1.25.5"}, {GoVersion: "1.25"}}, "go1.25.5"},
		{"toolchain line is newer", []Module{{GoVersion: "1.25", Toolchain: "go1.26.1"}}, "go1.26.1"},
		{"toolchain line is older", []Module{{GoVersion: "1.25.9", Toolchain: "go1.25.1"}}, "go1.25.9"},
		{"toolchain default", []Module{{GoVersion: "1.25", Toolchain: "default"}}, "go1.25"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, _ := newest(test.modules); got != test.want {
				t.Errorf("newest = %q, want %q", got, test.want)
			}
		})
	}
}

func TestFullName(t *testing.T) {
	for name, want := range map[string]string{
		"go1.20":    "go1.20",
		"go1.21":    "go1.21.0",
		"go1.26":    "go1.26.0",
		"go1.26.1":  "go1.26.1",
		"go1.27rc1": "go1.27rc1",
	} {
		if got := fullName(name); got != want {
			t.Errorf("fullName(%s) = %s, want %s", name, got, want)
		}
	}
}

func TestLinkOut(t *testing.T) {
	root := t.TempDir()
	writeTree(t, root, map[string]string{"bin/go": "", "real/x": ""})
	if err := os.Symlink("real", filepath.Join(root, "inside")); err != nil {
		t.Fatal(err)
	}
	if got := linkOut(root); got != "" {
		t.Errorf("linkOut = %q, want none", got)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(root, "src")); err != nil {
		t.Fatal(err)
	}
	if got, want := linkOut(root), filepath.Join(root, "src"); got != want {
		t.Errorf("linkOut = %q, want %q", got, want)
	}
}
