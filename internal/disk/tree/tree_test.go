package tree

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// layer packs entries "NAME", "NAME/", "NAME -> TARGET", "NAME == LINKED" or "NAME = DATA".
func layer(t *testing.T, entries ...string) Layer {
	t.Helper()
	return unpacked(t, packed(t, entries...))
}

func packed(t *testing.T, entries ...string) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h, data := tar.Header{Name: e, Typeflag: tar.TypeReg, Mode: 0o644}, ""
		if name, target, ok := strings.Cut(e, " -> "); ok {
			h = tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target}
		} else if name, target, ok := strings.Cut(e, " == "); ok {
			h = tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: target}
		} else if name, content, ok := strings.Cut(e, " = "); ok {
			h.Name, h.Size, data = name, int64(len(content)), content
		} else if strings.HasSuffix(e, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func unpacked(t *testing.T, content io.Reader) Layer {
	t.Helper()
	folder := t.TempDir()
	if err := Unpack(t.Context(), content, folder); err != nil {
		t.Fatal(err)
	}
	l, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// text lists a tree.
func text(at string, n *Node) string {
	var b strings.Builder
	for _, name := range n.Names() {
		child, p := n.Children[name], path.Join(at, name)
		switch child.Kind() {
		case Directory:
			fmt.Fprintf(&b, "%s/ %s", p, text(p, child))
		case Symlink:
			fmt.Fprintf(&b, "%s->%s ", p, child.Target)
		default:
			data, _ := os.ReadFile(child.Content)
			fmt.Fprintf(&b, "%s=%s ", p, data)
		}
	}
	return b.String()
}

func TestMerge(t *testing.T) {
	tests := []struct {
		name   string
		layers [][]string
		want   string
	}{
		{"upper wins", [][]string{{"a = 1", "b = 1"}, {"a = 2"}}, "a=2 b=1 "},
		{"whiteout", [][]string{{"d/", "d/a = 1", "d/b = 1"}, {"d/.wh.a"}}, "d/ d/b=1 "},
		{"whiteout is not of its own layer", [][]string{{"a = 1"}, {"a = 2", ".wh.a"}}, "a=2 "},
		{"whiteout of a directory that is made anew", [][]string{{"d/", "d/a = 1"}, {"d/", "d/b = 2", ".wh.d"}}, "d/ d/b=2 "},
		{"opaque", [][]string{{"d/", "d/a = 1"}, {"d/", "d/b = 2", "d/.wh..wh..opq"}}, "d/ d/b=2 "},
		{"opaque comes late", [][]string{{"d/", "d/a = 1"}, {"d/b = 2", "d/.wh..wh..opq"}, {"d/c = 3"}}, "d/ d/b=2 d/c=3 "},
		{"a driver's own", [][]string{{"a = 1"}, {".wh..wh.plnk"}}, "a=1 "},
		{"directory over file", [][]string{{"a = 1"}, {"a/", "a/b = 2"}}, "a/ a/b=2 "},
		{"file over directory", [][]string{{"a/", "a/b = 1"}, {"a = 2"}}, "a=2 "},
		{"through a link", [][]string{{"usr/", "usr/lib/", "lib -> usr/lib"}, {"lib/a = 2"}}, "lib->usr/lib usr/ usr/lib/ usr/lib/a=2 "},
		{"through an absolute link that climbs", [][]string{{"e/", "l -> /../../e"}, {"l/a = 2"}}, "e/ e/a=2 l->/../../e "},
		{"hard link to a lower layer", [][]string{{"a = 1"}, {"b == a"}, {"a = 3"}}, "a=3 b=1 "},
		{"absolute hard link is the image's", [][]string{{"a = 1", "b == /a"}}, "a=1 b=1 "},
		{"missing directories", [][]string{{"x/y/z = 1"}}, "x/ x/y/ x/y/z=1 "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var layers []Layer
			for _, entries := range tt.layers {
				layers = append(layers, layer(t, entries...))
			}
			root, err := Merge(layers)
			if err != nil {
				t.Fatal(err)
			}
			if got := text("", root); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	tests := []struct{ name, entry, want string }{
		{"climbs", "a/../../b = 1", "climbs"},
		{"long name", strings.Repeat("n", 256) + " = 1", "longer than 255"},
		{"link to itself", "a == a", "hard link"},
		{"link to a directory", "d2 == d", "is a directory"},
		{"below a file", "f/x = 1", "is no directory"},
		{"round and round", "round/x = 1", "round"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			err := Unpack(t.Context(), packed(t, "d/", "f = 1", "round -> round", tt.entry), folder)
			if err == nil {
				var l Layer
				if l, err = Open(folder); err == nil {
					_, err = Merge([]Layer{l})
				}
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

// A sparse file keeps its bytes, and its holes take no place.
func TestSparse(t *testing.T) {
	need.Tool(t, "tar", "tar")
	folder := t.TempDir()
	f, err := os.Create(filepath.Join(folder, "sparse"))
	if err == nil {
		_, err = f.WriteAt([]byte("in the middle"), 5<<20)
	}
	if err != nil || f.Truncate(64<<20) != nil || f.Close() != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"gnu", "posix"} {
		archive, err := exec.Output(t.Context(), exec.Cmd{Args: []string{"tar", "--sparse", "--format=" + form, "-cf", "-", "sparse"}, Dir: folder})
		if err != nil || len(archive) > 1<<20 {
			t.Fatalf("%d bytes, %v", len(archive), err)
		}
		l := unpacked(t, bytes.NewReader(archive))
		got, err := os.ReadFile(l.content(l.entries[0]))
		if err != nil || len(got) != 64<<20 || string(got[5<<20:5<<20+13]) != "in the middle" {
			t.Errorf("%s: got %d bytes, %v", form, len(got), err)
		}
		var stat unix.Stat_t
		if err := unix.Stat(l.content(l.entries[0]), &stat); err != nil || stat.Blocks*512 > 4<<20 {
			t.Errorf("%s: it takes %d bytes, %v", form, stat.Blocks*512, err)
		}
	}
}

// What is not as it was written is noticed.
func TestDamaged(t *testing.T) {
	for name, damage := range map[string]func(folder string) error{
		"short file":   func(f string) error { return os.Truncate(filepath.Join(f, "2"), 0) },
		"missing file": func(f string) error { return os.Remove(filepath.Join(f, "1")) },
		"short index":  func(f string) error { return os.Truncate(filepath.Join(f, indexFile), 200) },
		"no index":     func(f string) error { return os.Remove(filepath.Join(f, indexFile)) },
		"link for a file": func(f string) error {
			return errors.Join(os.Remove(filepath.Join(f, "1")), os.Symlink("/etc/passwd", filepath.Join(f, "1")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := layer(t, "a = 1", "b = 22", "c/")
			if Bytes(l.folder) != 3 {
				t.Errorf("it has %d bytes", Bytes(l.folder))
			}
			if err := damage(l.folder); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(l.folder); !errors.Is(err, ErrDamaged) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A layer of any bytes gives a tree or an error.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		folder := t.TempDir()
		if err := Unpack(t.Context(), bytes.NewReader(data), folder); err != nil {
			return
		}
		l, err := Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = Merge([]Layer{l})
	})
}
