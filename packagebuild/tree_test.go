package packagebuild

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
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
	"golang.org/x/sys/unix"
)

var commitTime = time.Date(2026, 11, 21, 1, 2, 3, 0, time.UTC)

// makeTree makes a tree such as a checkout has, with modes that a umask may leave.
func makeTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, mode := range map[string]fs.FileMode{
		".git/HEAD":               0o644,
		".gitignore":              0o640,
		"packaging/debian/rules":  0o755,
		"packaging.txt":           0o600,
		"run.sh":                  0o700,
		"src/main.c":              0o664,
		"src/packaging/notes":     0o644,
		"third_party/lib/.git":    0o644,
		"third_party/lib/lib.c":   0o644,
		"third_party/lib/gen.pl":  0o775,
		"third_party/lib/.github": 0o644,
	} {
		writeFile(t, filepath.Join(dir, name), name, mode)
	}
	for link, to := range map[string]string{"src/latest": "main.c", "outside": "/nowhere/at/all"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func writeFile(t *testing.T, name, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

var wantTree = []string{
	". drwxr-xr-x",
	".gitignore -rw-r--r-- .gitignore",
	"outside L -> /nowhere/at/all",
	"packaging.txt -rw-r--r-- packaging.txt",
	"run.sh -rwxr-xr-x run.sh",
	"src drwxr-xr-x",
	"src/latest L -> main.c",
	"src/main.c -rw-r--r-- src/main.c",
	"src/packaging drwxr-xr-x",
	"src/packaging/notes -rw-r--r-- src/packaging/notes",
	"third_party drwxr-xr-x",
	"third_party/lib drwxr-xr-x",
	"third_party/lib/.github -rw-r--r-- third_party/lib/.github",
	"third_party/lib/gen.pl -rwxr-xr-x third_party/lib/gen.pl",
	"third_party/lib/lib.c -rw-r--r-- third_party/lib/lib.c",
}

func TestCopyTree(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	dst := filepath.Join(t.TempDir(), "not", "yet", "there")
	if err := CopyTree(makeTree(t), dst, commitTime, SkipPackaging); err != nil {
		t.Fatal(err)
	}
	got, times := listTree(t, dst)
	if diff := cmp.Diff(wantTree, got); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
	for name, at := range times {
		if !at.Equal(commitTime) {
			t.Errorf("%s is of %v, want %v", name, at, commitTime)
		}
	}
}

func listTree(t *testing.T, dir string) (lines []string, times map[string]time.Time) {
	t.Helper()
	times = map[string]time.Time{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(p)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		times[rel] = info.ModTime()
		lines = append(lines, describe(t, p, rel, info))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, times
}

func describe(t *testing.T, p, rel string, info fs.FileInfo) string {
	t.Helper()
	switch info.Mode().Type() {
	case fs.ModeDir:
		return rel + " " + info.Mode().String()
	case fs.ModeSymlink:
		to, err := os.Readlink(p)
		if err != nil {
			t.Fatal(err)
		}
		return rel + " L -> " + to
	}
	text, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %v %s", rel, info.Mode(), text)
}

func TestCopyTreeKeepsTimesOfTheCopyWithoutOne(t *testing.T) {
	dst := t.TempDir()
	before := time.Now().Add(-time.Minute)
	if err := CopyTree(makeTree(t), dst, time.Time{}, nil); err != nil {
		t.Fatal(err)
	}
	_, times := listTree(t, dst)
	if at := times["run.sh"]; at.Before(before) {
		t.Errorf("run.sh is of %v, want now", at)
	}
	if _, ok := times[".git/HEAD"]; !ok {
		t.Error("without skip, .git/HEAD was not copied")
	}
}

func TestCopyTreeRefusesNodes(t *testing.T) {
	for kind, mode := range map[string]uint32{"fifo": unix.S_IFIFO, "socket": unix.S_IFSOCK} {
		t.Run(kind, func(t *testing.T) {
			dir := makeTree(t)
			if err := unix.Mknod(filepath.Join(dir, "src", "odd"), mode|0o644, 0); err != nil {
				t.Skip(err)
			}
			for verb, err := range map[string]error{
				"copy": CopyTree(dir, t.TempDir(), commitTime, SkipVCS),
				"tar":  WriteTarball(io.Discard, dir, "p", commitTime, SkipVCS),
			} {
				if err == nil || !strings.Contains(err.Error(), "src/odd is neither file") {
					t.Errorf("%s: error is %v, want one that names src/odd", verb, err)
				}
			}
		})
	}
}

func TestCopyTreeWantsAFolder(t *testing.T) {
	dir, link := makeTree(t), filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, src := range []string{link, filepath.Join(dir, "run.sh"), filepath.Join(dir, "missing")} {
		if err := CopyTree(src, filepath.Join(t.TempDir(), "copy"), commitTime, nil); err == nil || !strings.Contains(err.Error(), src) {
			t.Errorf("copy of %s: error is %v, want one that names it", src, err)
		}
	}
}

func TestCopyTreeRefusesItself(t *testing.T) {
	dir := makeTree(t)
	for _, dst := range []string{dir, filepath.Join(dir, "out", "copy")} {
		if err := CopyTree(dir, dst, commitTime, nil); err == nil || !strings.Contains(err.Error(), "choose a folder outside") {
			t.Errorf("copy to %s: error is %v", dst, err)
		}
	}
}

func TestCopyTreeOverwritesNothing(t *testing.T) {
	elsewhere := t.TempDir()
	for name, spoil := range map[string]func(dst string) error{
		"file":   func(dst string) error { return os.WriteFile(filepath.Join(dst, "run.sh"), []byte("mine"), 0o644) },
		"link":   func(dst string) error { return os.Symlink(filepath.Join(elsewhere, "x"), filepath.Join(dst, "run.sh")) },
		"folder": func(dst string) error { return os.Symlink(elsewhere, filepath.Join(dst, "src")) },
	} {
		t.Run(name, func(t *testing.T) {
			dst := t.TempDir()
			if err := spoil(dst); err != nil {
				t.Fatal(err)
			}
			if err := CopyTree(makeTree(t), dst, commitTime, nil); err == nil {
				t.Error("copied over a name that was taken")
			}
		})
	}
	if left, err := os.ReadDir(elsewhere); err != nil || len(left) > 0 {
		t.Errorf("wrote through a link: %v, %v", left, err)
	}
}

func TestWriteTarball(t *testing.T) {
	var one, two bytes.Buffer
	for _, w := range []*bytes.Buffer{&one, &two} {
		if err := WriteTarball(w, makeTree(t), "hello-1.0", commitTime.Add(time.Millisecond), SkipPackaging); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("equal trees gave different tarballs")
	}
	want := make([]string, len(wantTree))
	for i, line := range wantTree {
		want[i] = "hello-1.0/" + line
	}
	want[0] = "hello-1.0 drwxr-xr-x"
	if diff := cmp.Diff(want, listTar(t, &one)); diff != "" {
		t.Errorf("tarball (-want +got):\n%s", diff)
	}
}

func listTar(t *testing.T, r io.Reader) (lines []string) {
	t.Helper()
	zip, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	if !zip.ModTime.IsZero() {
		t.Errorf("gzip has a time: %v", zip.ModTime)
	}
	for archive := tar.NewReader(zip); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(commitTime) || h.Uid|h.Gid != 0 || h.Uname+h.Gname != "" {
			t.Errorf("%s: time %v, owner %d:%d %q:%q", h.Name, h.ModTime, h.Uid, h.Gid, h.Uname, h.Gname)
		}
		lines = append(lines, describeTar(t, archive, h))
	}
}

func describeTar(t *testing.T, r io.Reader, h *tar.Header) string {
	t.Helper()
	name, mode := strings.TrimSuffix(h.Name, "/"), h.FileInfo().Mode()
	switch h.Typeflag {
	case tar.TypeDir:
		return name + " " + mode.String()
	case tar.TypeSymlink:
		return name + " L -> " + h.Linkname
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %v %s", name, mode, text)
}
