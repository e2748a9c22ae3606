package rpm

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/packagebuild"
)

// stage plans and stages into a folder of its own.
func stage(t *testing.T, f Format, req packagebuild.Request) string {
	t.Helper()
	plan, err := f.Plan(req)
	must(t, err)
	dir := t.TempDir()
	must(t, f.Stage(req, plan, dir))
	return dir
}

// listing is every file below dir: mode, time, digest, and what is in tarballs.
// A tarball's own digest changes with Go's gzip, so goldens leave it out.
func listing(t *testing.T, dir string, withTarballs bool) string {
	t.Helper()
	var b strings.Builder
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if d.IsDir() {
			fmt.Fprintf(&b, "%s/\n", rel)
			return nil
		}
		info, err := d.Info()
		must(t, err)
		data, err := os.ReadFile(path)
		must(t, err)
		fmt.Fprintf(&b, "%s %v %s", rel, info.Mode(), info.ModTime().UTC().Format(time.RFC3339))
		isTarball := strings.HasSuffix(rel, "orig.tar.gz")
		if !isTarball || withTarballs {
			fmt.Fprintf(&b, " %.6x", sha256.Sum256(data))
		}
		b.WriteString("\n")
		if isTarball {
			b.WriteString(tarNames(t, path))
		}
		return nil
	}))
	return b.String()
}

func tarNames(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	must(t, err)
	defer file.Close()
	zip, err := gzip.NewReader(file)
	must(t, err)
	var b strings.Builder
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		must(t, err)
		fmt.Fprintf(&b, "  %s\n", h.Name)
	}
}

// helloWithExtra is the example with an extra source repository, in a folder
// whose umask and times are anybody's.
func helloWithExtra(t *testing.T) packagebuild.Request {
	t.Helper()
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS("testdata/hello")))
	must(t, os.Chmod(filepath.Join(dir, "packaging/hello.conf"), 0o600))
	must(t, os.Chtimes(filepath.Join(dir, "packaging/hello.conf"), time.Unix(1, 0), time.Unix(1, 0)))
	writeFile(t, filepath.Join(dir, ".git/config"), "secret")
	writeFile(t, filepath.Join(dir, "packaging/blob.tar.gz"), "blob")
	writeFile(t, filepath.Join(dir, "packaging/debian/control"), "")
	req := request(dir)
	req.Source.Extra = &packagebuild.Source{
		Dir:        writeTree(t, map[string]string{".git/config": "secret", "main.go": "", "packaging/x.spec": ""}),
		Repository: "https://example.org/hello-plugin.git",
	}
	return req
}

func TestStage(t *testing.T) {
	dir := stage(t, New(), helloWithExtra(t))
	golden(t, "stage.txt", listing(t, dir, false))
	spec, err := os.ReadFile(filepath.Join(dir, "rpmbuild/SPECS/hello.spec"))
	must(t, err)
	golden(t, "hello.spec", string(spec))
}

func TestStageIsDeterministic(t *testing.T) {
	first := listing(t, stage(t, New(), helloWithExtra(t)), true)
	if diff := cmp.Diff(first, listing(t, stage(t, New(), helloWithExtra(t)), true)); diff != "" {
		t.Errorf("staged twice (-first +second):\n%s", diff)
	}
}

func TestStageErrors(t *testing.T) {
	tests := []struct {
		name string
		edit func(t *testing.T, dir string)
		want string
	}{
		{"tarball of the build's name", func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "packaging/foo_20261121.00.orig.tar.gz"), "")
		}, "packaging/foo_20261121.00.orig.tar.gz has the name of a tarball that the build makes"},
		{"patch that leads out", func(t *testing.T, dir string) {
			must(t, os.Symlink("/etc/hostname", filepath.Join(dir, "packaging/a.patch")))
		}, "stage packaging/a.patch|escapes"},
		{"folder", func(t *testing.T, dir string) {
			must(t, os.Mkdir(filepath.Join(dir, "packaging/a.patch"), 0o755))
		}, "stage packaging/a.patch|is no regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := request(writeTree(t, map[string]string{"packaging/foo.spec": head}))
			tt.edit(t, req.Source.Dir)
			err := New().Stage(req, packagebuild.Plan{}, t.TempDir())
			wantError(t, err, tt.want)
		})
	}
}

// TestTwoSpecsOneName: they share the tarball; that their packages clash is found by Collect.
func TestTwoSpecsOneName(t *testing.T) {
	req := request(writeTree(t, map[string]string{"packaging/foo.spec": head, "packaging/bar.spec": head}))
	dir := stage(t, New(), req)
	names, err := filepath.Glob(filepath.Join(dir, "rpmbuild/SOURCES/*"))
	must(t, err)
	if len(names) != 1 {
		t.Errorf("sources are %v, want one tarball", names)
	}
}
