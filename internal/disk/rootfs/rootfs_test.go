package rootfs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/disk/tree"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

const uuid = "6f6cb1b5-52b6-4c3f-9d0a-0f0b9f0c1d2e"

// formatted makes a file system of a tree in a new file, behind an offset.
func formatted(t *testing.T, root *tree.Node, size, offset int64) (device string) {
	t.Helper()
	need.Tool(t, "debugfs", "e2fsprogs")
	measured, err := Measure(root)
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	file := filepath.Join(work, "fs")
	filled, script, files := Fill(root)
	files["fill"], files["list"], files["fs"] = string(script), string(filled.ListScript()), ""
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(file, offset+size); err != nil {
		t.Fatal(err)
	}
	f := Format{File: file, Offset: offset, Size: size, Inodes: measured.Inodes, UUID: uuid, Label: "root"}
	run(t, work, f.MakeArgs()...)
	run(t, work, f.ScriptArgs("fill")...)
	if err := filled.CheckList(run(t, work, f.ScriptArgs("list")...)); err != nil {
		t.Fatal(err)
	}
	if said := run(t, work, f.CheckArgs()...); strings.Contains(said, "Fix?") {
		t.Error(said)
	}
	return f.device()
}

func run(t *testing.T, folder string, args ...string) string {
	t.Helper()
	var said, complaints bytes.Buffer
	env := append(os.Environ(), Env(time.Unix(1700000000, 0))...)
	err := exec.Run(t.Context(), exec.Cmd{Args: args, Env: env, Dir: folder, Stdout: &said, Stderr: &complaints})
	if err == nil && args[0] == "debugfs" {
		err = Said(complaints.String())
	}
	if err != nil {
		t.Fatalf("%v\n%s%s", err, said.String(), complaints.String())
	}
	return said.String()
}

// file is a regular file that holds data.
func file(t *testing.T, data string, mode uint32) *tree.Node {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), `con "tent" `)
	if err == nil {
		_, err = f.WriteString(data)
	}
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	return &tree.Node{Mode: tree.Regular | mode, Size: int64(len(data)), Content: f.Name(), Modified: time.Unix(0, 0)}
}

// odd is a tree of what is rare.
func odd(t *testing.T) *tree.Node {
	root := tree.Dir(0o755)
	put := func(name string, n *tree.Node) *tree.Node {
		n.Modified = time.Unix(1600000000, 123456789)
		root.Children[name] = n
		return n
	}
	put("empty", file(t, "", 0o600))
	put("set-uid", file(t, "#!/bin/sh\n", 0o4755))
	for _, name := range []string{"ünïcode \"quoted\"", "\xff\xfe", "a\tb", " ", "<2>", "#", "'", `\n`, `"`, `""`, "-f", "$HOME", "a\x01b", "\x7f"} {
		put(name, file(t, "named "+name, 0o644))
	}
	put(strings.Repeat("n", 255), file(t, "long name", 0o644))
	put("capable", file(t, "y", 0o755)).Xattrs = map[string]string{"security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}
	put("described", file(t, "z", 0o755)).Xattrs = map[string]string{
		"user.a": strings.Repeat("a", 700), "user.bb": "", "trusted.c d": "odd", "security.selinux": "system_u:object_r:bin_t:s0\x00",
		"system.posix_acl_access": "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x04\x00\xe8\x03\x00\x00\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x04\x00\xff\xff\xff\xff\x20\x00\x04\x00\xff\xff\xff\xff",
	}
	owned := put("owned", file(t, "w", 0o640))
	owned.UID, owned.GID = 100000, 4000000000
	put("short", &tree.Node{Mode: tree.Symlink | 0o777, Target: strings.Repeat("s", 59)})
	put("long", &tree.Node{Mode: tree.Symlink | 0o777, Target: strings.Repeat("l", 60)})
	put("longest", &tree.Node{Mode: tree.Symlink | 0o777, Target: strings.Repeat("l", 4095)})
	null := put("null", &tree.Node{Mode: tree.CharDev | 0o666, Major: 1, Minor: 3})
	root.Children["null-2"] = null
	put("disk", &tree.Node{Mode: tree.BlockDev | 0o660, Major: 259, Minor: 70000})
	put("pipe", &tree.Node{Mode: tree.Fifo | 0o600})
	put("old", file(t, "o", 0o644)).Modified = time.Unix(-5000000000, 0)
	root.Children["new"] = file(t, "o", 0o644)
	root.Children["new"].Modified = time.Unix(9000000000, 999999999)
	put("lost+found", tree.Dir(0o700))
	many, one := put("many", tree.Dir(0o1777)), file(t, "one of many", 0o644)
	for i := range 3000 {
		n := *one
		many.Children["file-"+strconv.Itoa(i)] = &n // the same content, and another file
	}
	deep := put("deep", tree.Dir(0o755))
	for range 200 {
		deep.Children["d"] = tree.Dir(0o755)
		deep = deep.Children["d"]
	}
	linked := put("link-1", file(t, "linked", 0o644))
	root.Children["link-2"], many.Children["link-3"] = linked, linked
	holes := make([]byte, 3<<20+17)
	copy(holes[1<<20:], "in the middle")
	put("holes", file(t, string(holes), 0o644))
	noise := make([]byte, 5<<20+1)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	put("noise", file(t, string(noise), 0o644))
	return root
}

// e2fsck finds nothing to mend, and debugfs reads what was written.
func TestOddFiles(t *testing.T) {
	root := odd(t)
	device := formatted(t, root, 300<<20, 3<<20)
	tests := []struct{ ask, want string }{
		{"stat set-uid", "Mode:  04755"},
		{"stat owned", "User: 100000   Group: -294967296"},
		{"stat set-uid", "mtime: 0x5f5e1000:1d6f3454"},
		{"stat set-uid", "ctime: 0x5f5e1000:1d6f3454"},
		{"stat set-uid", "atime: 0x5f5e1000:1d6f3454"},
		{"stat set-uid", "crtime: 0x5f5e1000:1d6f3454"},
		{"stat old", "mtime: 0x80000000:00000000"},
		{"stat new", "0x18711a00:ee6b27fe"},
		{"stat short", "Fast link dest: \"" + strings.Repeat("s", 59) + `"`},
		{"stat longest", "Size: 4095"},
		{"stat null", "Device major/minor number: 01:03"},
		{"stat null-2", "Links: 2"},
		{"stat disk", "259:70000"},
		{"stat pipe", "FIFO"},
		{"stat link-1", "Links: 3"},
		{"stat many", "Links: 2"},
		{"ea_list described", "trusted.c d"},
		{"ea_list described", "system.posix_acl_access (28)"},
		{"ea_get described user.a", strings.Repeat("a", 700)},
		{"ea_list capable", "security.capability (20)"},
		{"cat many/file-2999", "one of many"},
		{"stat many/file-2999", "Links: 1"},
		{"cat many/link-3", "linked"},
		{"cat " + quote(`ünïcode "quoted"`), `named ünïcode "quoted"`},
		{"stat lost+found", "Inode: 11 "},
	}
	for _, tt := range tests {
		if said := run(t, "", "debugfs", "-R", tt.ask, device); !strings.Contains(said, tt.want) {
			t.Errorf("%s: got %s, want %q in it", tt.ask, said, tt.want)
		}
	}
	for _, name := range []string{"holes", "noise"} {
		out := filepath.Join(t.TempDir(), name)
		run(t, "", "debugfs", "-R", "dump "+name+" "+out, device)
		got, err := os.ReadFile(out)
		want, wantErr := os.ReadFile(root.Children[name].Content)
		if err != nil || wantErr != nil || !bytes.Equal(got, want) {
			t.Errorf("%s reads back as other bytes: %v %v", name, err, wantErr)
		}
	}
}

// What debugfs did is compared with what was to be.
func TestCheckList(t *testing.T) {
	root := tree.Dir(0o755)
	root.Children["a"], root.Children["b"] = file(t, "1", 0o644), file(t, "22", 0o755)
	filled, _, _ := Fill(root)
	listed := "debugfs: ls -p <2>\n/2/040755/0/0/.//\n/2/040755/0/0/..//\n/11/040700/0/0/lost+found//\n/12/100644/0/0/a/1/\n/13/100755/0/0/b/2/\n\n"
	if err := filled.CheckList(listed); err != nil {
		t.Error(err)
	}
	for _, change := range [][2]string{{"/12/", "/14/"}, {"100755", "100644"}, {"/b/2/", "/b/3/"}, {"/0/0/a", "/0/7/a"}, {"/12/100644/0/0/a/1/\n", ""}, {"/b/", "/c/"}} {
		if filled.CheckList(strings.Replace(listed, change[0], change[1], 1)) == nil {
			t.Errorf("%q passes for %q", change[1], change[0])
		}
	}
	if err := Said("debugfs 1.47.0\nx: File not found\n"); err == nil || !strings.Contains(err.Error(), "x: File not found") {
		t.Errorf("got %v", err)
	}
}

func TestMeasureRefuses(t *testing.T) {
	for want, n := range map[string]*tree.Node{
		"end of a line":       {Mode: tree.Symlink, Target: "a\nb"},
		"larger than a block": {Mode: tree.Fifo, Xattrs: map[string]string{"user.a": strings.Repeat("x", 5000)}},
	} {
		root := tree.Dir(0o755)
		root.Children["x"] = n
		if _, err := Measure(root); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	root := tree.Dir(0o755)
	root.Children["x\ny"] = tree.Dir(0o755)
	if _, err := Measure(root); err == nil {
		t.Error("a name with the end of a line is taken")
	}
}

// What SizeFor says is enough, and not far more than that.
func TestSizeFor(t *testing.T) {
	for _, files := range []int{0, 1000, 30000} {
		root := tree.Dir(0o755)
		var contents []*tree.Node
		for i := range 9 {
			contents = append(contents, file(t, strings.Repeat("x", i*1000), 0o644))
		}
		for i := range files {
			folder, n := fmt.Sprintf("d%d", i%97), *contents[i%9]
			if root.Children[folder] == nil {
				root.Children[folder] = tree.Dir(0o755)
			}
			root.Children[folder].Children[fmt.Sprintf("a-name-%d", i)] = &n
		}
		need, err := Measure(root)
		if err != nil {
			t.Fatal(err)
		}
		size := SizeFor(need)
		formatted(t, root, size, 0)
		if content := int64(need.Blocks) * blockSize; size > content+content/8+64<<20 {
			t.Errorf("%d files of %d bytes need %d bytes", files, content, size)
		}
	}
}

// A large file lies in more pieces than its inode names, and a long list of names in many
// blocks.
func TestLarge(t *testing.T) {
	root := tree.Dir(0o755)
	large := file(t, "m", 0o644)
	large.Size = 300<<20 + 5
	f, err := os.OpenFile(large.Content, os.O_WRONLY, 0)
	if err == nil {
		for at := int64(0); at < large.Size && err == nil; at += 16 << 20 {
			_, err = f.WriteAt([]byte("m"), at)
		}
	}
	if err != nil || f.Truncate(large.Size) != nil || f.Close() != nil {
		t.Fatal(err)
	}
	root.Children["large"], root.Children["z"] = large, file(t, "after", 0o644)
	for i := range 300 {
		root.Children[strings.Repeat("n", 240)+strconv.Itoa(i)] = file(t, "", 0o644)
	}
	device := formatted(t, root, 400<<20, 0)
	out := filepath.Join(t.TempDir(), "large")
	run(t, "", "debugfs", "-R", "dump large "+out, device)
	if said := run(t, "", "sh", "-c", "tr -d '\\0' <"+out+" | wc -c; stat -c %s "+out); strings.Join(strings.Fields(said), " ") != fmt.Sprintf("%d %d", 300/16+1, large.Size) {
		t.Errorf("got %s", said)
	}
}
