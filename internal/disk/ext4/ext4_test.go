package ext4

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/disk/tree"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

const uuid = "6f6cb1b5-52b6-4c3f-9d0a-0f0b9f0c1d2e"

// formatted writes a tree into a file system in a new file, behind an offset.
func formatted(t *testing.T, root *tree.Node, size, offset int64) string {
	t.Helper()
	need.Tool(t, "mke2fs", "e2fsprogs")
	measured, err := Measure(root)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "fs")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := f.Truncate(offset + size); err != nil {
		t.Fatal(err)
	}
	format := Format{File: file, Offset: offset, Size: size, Inodes: measured.Inodes, UUID: uuid, Label: "root"}
	tool(t, append(os.Environ(), Env(time.Unix(1700000000, 0))...), format.Args()...)
	if err := Populate(t.Context(), at{f, offset}, root); err != nil {
		t.Fatal(err)
	}
	return file
}

// at is a file from an offset on.
type at struct {
	*os.File
	offset int64
}

func (a at) ReadAt(p []byte, off int64) (int, error)  { return a.File.ReadAt(p, a.offset+off) }
func (a at) WriteAt(p []byte, off int64) (int, error) { return a.File.WriteAt(p, a.offset+off) }

func tool(t *testing.T, env []string, args ...string) string {
	t.Helper()
	var said bytes.Buffer
	err := exec.Run(t.Context(), exec.Cmd{Args: args, Env: env, Stdout: &said, Stderr: &said})
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	return said.String()
}

// odd is a tree of what is rare.
func odd() *tree.Node {
	root := tree.Dir(0o755)
	put := func(name string, n *tree.Node) *tree.Node {
		n.Modified = time.Unix(1600000000, 123456789)
		root.Children[name] = n
		return n
	}
	put("empty", tree.File("", 0o600))
	put("set-uid", tree.File("#!/bin/sh\n", 0o4755))
	put("ünïcode \"quoted\"\nname", tree.File("x", 0o644))
	put(strings.Repeat("n", 255), tree.File("long name", 0o644))
	put("capable", tree.File("y", 0o755)).Xattrs = map[string]string{"security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}
	put("described", tree.File("z", 0o755)).Xattrs = map[string]string{
		"user.a": strings.Repeat("a", 700), "user.bb": "", "trusted.c": "odd", "security.selinux": "system_u:object_r:bin_t:s0\x00",
	}
	owned := put("owned", tree.File("w", 0o640))
	owned.UID, owned.GID = 100000, 4000000000
	put("short", &tree.Node{Mode: tree.Symlink | 0o777, Target: strings.Repeat("s", 59)})
	put("long", &tree.Node{Mode: tree.Symlink | 0o777, Target: strings.Repeat("l", 60)})
	put("longest", &tree.Node{Mode: tree.Symlink | 0o777, Target: strings.Repeat("l", 4095)})
	put("null", &tree.Node{Mode: tree.CharDev | 0o666, Major: 1, Minor: 3})
	put("disk", &tree.Node{Mode: tree.BlockDev | 0o660, Major: 259, Minor: 70000})
	put("pipe", &tree.Node{Mode: tree.Fifo | 0o600})
	put("old", tree.File("o", 0o644)).Modified = time.Unix(-5000000000, 0)
	root.Children["new"] = tree.File("o", 0o644)
	root.Children["new"].Modified = time.Unix(9000000000, 999999999)
	put("lost+found", tree.Dir(0o700))
	many := put("many", tree.Dir(0o1777))
	for i := range 3000 {
		many.Children[fmt.Sprintf("file-%d", i)] = tree.File(fmt.Sprint(i), 0o644)
	}
	deep := put("deep", tree.Dir(0o755))
	for range 200 {
		deep.Children["d"] = tree.Dir(0o755)
		deep = deep.Children["d"]
	}
	linked := put("link-1", tree.File("linked", 0o644))
	root.Children["link-2"], many.Children["link-3"] = linked, linked
	holes := make([]byte, 3<<20+17)
	copy(holes[1<<20:], "in the middle")
	put("holes", tree.File(string(holes), 0o644))
	noise := make([]byte, 5<<20+1)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	put("noise", tree.File(string(noise), 0o644))
	return root
}

// e2fsck finds nothing to mend, and debugfs reads what was written.
func TestOddFiles(t *testing.T) {
	const offset = 3 << 20
	root := odd()
	file := formatted(t, root, 300<<20, offset)
	device := fmt.Sprintf("%s?offset=%d", file, offset)
	if said := tool(t, nil, "e2fsck", "-fn", device); strings.Contains(said, "Fix?") {
		t.Error(said)
	}
	tests := []struct{ ask, want string }{
		{"stat set-uid", "Mode:  04755"},
		{"stat owned", "User: 100000   Group: -294967296"},
		{"stat set-uid", "mtime: 0x5f5e1000:1d6f3454"},
		{"stat set-uid", "ctime: 0x5f5e1000:1d6f3454"},
		{"stat new", "0x18711a00:ee6b27fe"},
		{"stat short", "Fast link dest: \"" + strings.Repeat("s", 59) + `"`},
		{"stat longest", "Size: 4095"},
		{"stat null", "Device major/minor number: 01:03"},
		{"stat disk", "259:70000"},
		{"stat pipe", "FIFO"},
		{"stat link-1", "Links: 3"},
		{"stat many", "Links: 2"},
		{"ea_list described", "trusted.c"},
		{"ea_get described user.a", strings.Repeat("a", 700)},
		{"ea_list capable", "security.capability (20)"},
		{"cat many/file-2999", "2999"},
		{"cat many/link-3", "linked"},
		{"stat lost+found", "Inode: 11 "},
	}
	for _, tt := range tests {
		if said := tool(t, nil, "debugfs", "-R", tt.ask, device); !strings.Contains(said, tt.want) {
			t.Errorf("%s: got %s, want %q in it", tt.ask, said, tt.want)
		}
	}
	for _, name := range []string{"holes", "noise"} {
		out := filepath.Join(t.TempDir(), name)
		tool(t, nil, "debugfs", "-R", "dump "+name+" "+out, device)
		got, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		want := make([]byte, root.Children[name].Size)
		_, _ = root.Children[name].Content.ReadAt(want, 0)
		if !bytes.Equal(got, want) {
			t.Errorf("%s reads back as other bytes", name)
		}
	}
}
