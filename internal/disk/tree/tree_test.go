package tree

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"
	"testing"
)

// layer packs entries "NAME", "NAME/", "NAME -> TARGET", "NAME == LINKED" or "NAME = DATA".
func layer(t *testing.T, entries ...string) Layer {
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
	return Layer{bytes.NewReader(b.Bytes()), int64(b.Len())}
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
			data, _ := io.ReadAll(child.Open())
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
			root, err := Merge(t.Context(), layers, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := text("", root); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMergeRefuses(t *testing.T) {
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
			_, err := Merge(t.Context(), []Layer{layer(t, "d/", "f = 1", "round -> round", tt.entry)}, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

// A layer of any bytes gives a tree or an error.
func FuzzMerge(f *testing.F) {
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = Merge(t.Context(), []Layer{{bytes.NewReader(data), int64(len(data))}}, func(r io.Reader) (io.ReaderAt, error) {
			all, err := io.ReadAll(io.LimitReader(r, 1<<20))
			return bytes.NewReader(all), err
		})
	})
}
