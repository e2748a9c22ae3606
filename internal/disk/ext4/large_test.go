package ext4

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/disk/tree"
)

// marked is zeroes, with one byte that is none in each step.
type marked struct{ step int64 }

func (m marked) ReadAt(p []byte, at int64) (int, error) {
	clear(p)
	for next := (at + m.step - 1) / m.step * m.step; next < at+int64(len(p)); next += m.step {
		p[next-at] = 'm'
	}
	return len(p), nil
}

// A file that goes over many groups lies in so many pieces that they need a tree.
func TestLargeFile(t *testing.T) {
	root := tree.Dir(0o755)
	large := tree.File("", 0o644)
	large.Size, large.Content = 600<<20+5, marked{16 << 20}
	root.Children["large"], root.Children["z"] = large, tree.File("after", 0o644)
	file := formatted(t, root, 700<<20, 0)
	tool(t, nil, "e2fsck", "-fn", file)
	if said := tool(t, nil, "debugfs", "-R", "stat large", file); !strings.Contains(said, "(ETB0)") {
		t.Errorf("the file has no tree of extents: %s", said)
	}
	out := filepath.Join(t.TempDir(), "large")
	tool(t, nil, "debugfs", "-R", "dump large "+out, file)
	if said := tool(t, nil, "sh", "-c", "tr -d '\\0' <"+out+" | wc -c; stat -c %s "+out); strings.Join(strings.Fields(said), " ") != fmt.Sprintf("%d %d", 600/16+1, large.Size) {
		t.Errorf("got %s", said)
	}
}

// What SizeFor says is enough, and not far more than that.
func TestSizeFor(t *testing.T) {
	for _, files := range []int{0, 1000, 30000} {
		root := tree.Dir(0o755)
		for i := range files {
			folder := fmt.Sprintf("d%d", i%97)
			if root.Children[folder] == nil {
				root.Children[folder] = tree.Dir(0o755)
			}
			root.Children[folder].Children[fmt.Sprintf("a-name-%d", i)] = tree.File(strings.Repeat("x", i%9000), 0o644)
		}
		need, err := Measure(root)
		if err != nil {
			t.Fatal(err)
		}
		size := SizeFor(need)
		tool(t, nil, "e2fsck", "-fn", formatted(t, root, size, 0))
		if content := int64(need.Blocks) * blockSize; size > content+content/8+64<<20 {
			t.Errorf("%d files of %d bytes need %d bytes", files, content, size)
		}
	}
}

// A file system that is too small is an error, and one that is another's is not touched.
func TestPopulateRefuses(t *testing.T) {
	root := tree.Dir(0o755)
	root.Children["a"] = tree.File("", 0o644)
	root.Children["a"].Size, root.Children["a"].Content = 64<<20, marked{4096}
	dev := &memory{}
	if err := Populate(t.Context(), dev, root); err == nil || !strings.Contains(err.Error(), "no ext4") || dev.written {
		t.Errorf("got %v", err)
	}
}

type memory struct{ written bool }

func (m *memory) ReadAt(p []byte, _ int64) (int, error) { clear(p); return len(p), nil }
func (m *memory) WriteAt([]byte, int64) (int, error)    { m.written = true; return 0, io.ErrShortWrite }
