package rootfs

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway.dev/slipway/internal/disk/tree"
)

// lostAndFound is mke2fs's own, and stays.
const lostAndFound = "lost+found"

// Filled is a file system as it should be when debugfs has filled it.
type Filled struct {
	files   []*tree.Node // in the order of their inodes' numbers
	numbers map[*tree.Node]uint32
	links   map[*tree.Node]int
	script  bytes.Buffer
	values  map[string]string
}

// Fill says how debugfs fills an empty file system with a tree: by a script, and by files
// beside it, by their names, with the values of extended attributes.
func Fill(root *tree.Node) (f *Filled, script []byte, values map[string]string) {
	f = &Filled{
		files: []*tree.Node{root}, numbers: map[*tree.Node]uint32{root: rootInode}, links: map[*tree.Node]int{}, values: map[string]string{},
	}
	f.fill(root)
	for _, n := range f.files {
		f.describe(n)
	}
	return f, f.script.Bytes(), f.values
}

func (f *Filled) say(format string, a ...any) { fmt.Fprintf(&f.script, format+"\n", a...) }

// fill makes what is in a folder, in the order of the names: each file gets the first
// number that is free.
func (f *Filled) fill(folder *tree.Node) {
	f.say("cd <%d>", f.numbers[folder])
	for _, name := range folder.Names() {
		n := folder.Children[name]
		if f.numbers[folder] == rootInode && name == lostAndFound {
			continue
		}
		if f.links[n]++; f.links[n] > 1 {
			f.say("ln <%d> %s", f.numbers[n], quote(name))
			continue
		}
		f.numbers[n] = firstInode + uint32(len(f.files)) - 1
		f.files = append(f.files, n)
		f.say("%s", command(n, quote(name)))
		if n.IsDir() {
			f.fill(n)
			f.say("cd <%d>", f.numbers[folder])
		}
	}
}

// command makes a file.
func command(n *tree.Node, name string) string {
	switch n.Kind() {
	case tree.Directory:
		return "mkdir " + name
	case tree.Symlink:
		return "symlink " + name + " " + quote(n.Target)
	case tree.CharDev:
		return "mknod " + name + " c 0 0"
	case tree.BlockDev:
		return "mknod " + name + " b 0 0"
	case tree.Fifo:
		return "mknod " + name + " p"
	}
	return "write " + quote(n.Content) + " " + name
}

// describe sets what a file is beside its content. The number of a device is where others
// have their blocks.
func (f *Filled) describe(n *tree.Node) {
	number := f.numbers[n]
	for _, attribute := range slices.Sorted(maps.Keys(n.Xattrs)) {
		if KeepsXattr(attribute) {
			file := "value-" + strconv.Itoa(len(f.values))
			f.values[file] = n.Xattrs[attribute]
			f.say("ea_set -f %s <%d> %s", file, number, quote(attribute))
		}
	}
	set := func(field string, value any) { f.say("sif <%d> %s %v", number, field, value) }
	set("mode", fmt.Sprintf("0%o", n.Mode))
	set("uid", n.UID)
	set("gid", n.GID)
	seconds, extra := encodeTime(n.Modified)
	for _, field := range []string{"atime", "ctime", "mtime", "crtime"} {
		set(field, fmt.Sprintf("@%d", seconds))
		set(field+"_extra", extra)
	}
	if !n.IsDir() && f.links[n] > 1 {
		set("links_count", f.links[n])
	}
	if n.Kind() == tree.CharDev || n.Kind() == tree.BlockDev {
		old, large := encodeDevice(n.Major, n.Minor)
		set("block[0]", old)
		set("block[1]", large)
	}
}

// quote writes a word as debugfs reads it.
func quote(word string) string { return `"` + strings.ReplaceAll(word, `"`, `""`) + `"` }

// checkWord refuses what no script of debugfs can say.
func checkWord(word string) error {
	if strings.ContainsAny(word, "\n\r\x00") || len(quote(word)) > maxWord {
		return fmt.Errorf("%q cannot be said to debugfs: it has the end of a line in it, or too many quotes", word)
	}
	return nil
}

// maxWord keeps the longest line, of a name and a target, within what debugfs reads.
const maxWord = 5000

// encodeTime is a time in the form of ext4, whose years are 1901 to 2446: what is
// before or after is put to the border.
func encodeTime(t time.Time) (seconds int64, extra uint32) {
	s := min(max(t.Unix(), -1<<31), 1<<34-1<<31-1)
	epoch := (s - int64(int32(s))) >> 32
	return s, uint32(epoch)&3 | uint32(t.Nanosecond())<<2
}

// encodeDevice is the number of a device in its two forms, of which one is 0.
func encodeDevice(major, minor uint32) (old, large uint32) {
	if major < 256 && minor < 256 {
		return major<<8 | minor, 0
	}
	return 0, minor&0xff | major<<8 | (minor&^0xff)<<12
}
