package rpm

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/packagebuild"
)

var update = flag.Bool("update", false, "write the goldens anew")

const commit = "0123456789abcdef0123456789abcdef01234567"

// writeTree makes a source tree of files by their paths.
func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		writeFile(t, filepath.Join(dir, name), text)
	}
	return dir
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// request asks for el9 packages of a tree.
func request(dir string) packagebuild.Request {
	return packagebuild.Request{
		Source: packagebuild.Source{
			Dir: dir, Commit: commit, CommitURL: "https://example.org/hello/tree/" + commit,
			Time: time.Date(2026, 11, 21, 10, 30, 0, 0, time.UTC),
		},
		Target: packagebuild.Target{
			Name: "el9", Format: "rpm", Arch: "amd64", Suffix: ".el9", TargetVersion: "9",
			Root:   packagebuild.Root{Suite: "bookworm", Note: "built in a Debian 12 root"},
			Macros: map[string]string{"rhel": "9", "el9": "1"},
			Substitutes: map[string]string{
				"gcc": "gcc", "make": "make", "policycoreutils": "policycoreutils, semodule-utils", "systemd-rpm-macros": "",
			},
		},
		Version: "20261121.00",
		Jobs:    2,
	}
}

// onARM asks for the same for another arch.
func onARM(req packagebuild.Request) packagebuild.Request {
	req.Target.Name, req.Target.Arch = "el9_arm64", "arm64"
	return req
}

// inImage asks for the same in a real EL root.
func inImage(req packagebuild.Request) packagebuild.Request {
	req.Target.Root = packagebuild.Root{Image: "example.org/el9@sha256:" + strings.Repeat("0", 64)}
	return req
}

// golden compares with testdata/golden/name, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		writeFile(t, path, got)
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run go test -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; go test -update writes it anew):\n%s", path, diff)
	}
}

// wantError checks that an error says each of the parts of want, parted by "|".
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one that says %q", want)
	}
	for _, part := range strings.Split(want, "|") {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
