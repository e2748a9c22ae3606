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

// Numbered is a tree whose files have the numbers that their inodes get.
type Numbered struct {
	files   []*tree.Node // in the order of the numbers
	numbers map[*tree.Node]uint32
	devices map[*tree.Node][]name
}

// name is one of a device's.
type name struct {
	parent *tree.Node
	name   string
}

// Number numbers files as mke2fs -d does, in the order of the paths, a folder before what
// is in it. Devices follow.
func Number(root *tree.Node) *Numbered {
	n := &Numbered{files: []*tree.Node{root}, numbers: map[*tree.Node]uint32{root: rootInode}, devices: map[*tree.Node][]name{}}
	var devices []*tree.Node
	var visit func(folder *tree.Node)
	visit = func(folder *tree.Node) {
		for _, called := range folder.Names() {
			child := folder.Children[called]
			switch {
			case folder == root && called == lostAndFound:
			case isDevice(child):
				if n.devices[child] == nil {
					devices = append(devices, child)
				}
				n.devices[child] = append(n.devices[child], name{folder, called})
			case n.numbers[child] == 0:
				n.add(child)
				visit(child)
			}
		}
	}
	visit(root)
	for _, d := range devices {
		n.add(d)
	}
	return n
}

func (n *Numbered) add(file *tree.Node) {
	n.numbers[file] = firstInode + uint32(len(n.files)) - 1
	n.files = append(n.files, file)
}

func isDevice(n *tree.Node) bool { return n.Kind() == tree.CharDev || n.Kind() == tree.BlockDev }

// Script is what debugfs sets, and the files, by their names in its folder, from which it
// takes the values of extended attributes.
func (n *Numbered) Script() (script []byte, values map[string]string) {
	var b bytes.Buffer
	values = map[string]string{}
	for _, f := range n.files {
		if isDevice(f) {
			n.device(&b, f)
		}
	}
	for _, f := range n.files {
		number := n.numbers[f]
		for _, attribute := range slices.Sorted(maps.Keys(f.Xattrs)) {
			if KeepsXattr(attribute) {
				file := "value-" + strconv.Itoa(len(values))
				values[file] = f.Xattrs[attribute]
				fmt.Fprintf(&b, "ea_set -f %s <%d> %s\n", file, number, quote(attribute))
			}
		}
		fmt.Fprintf(&b, "sif <%[1]d> mode 0%[2]o\nsif <%[1]d> uid %[3]d\nsif <%[1]d> gid %[4]d\n", number, f.Mode, f.UID, f.GID)
		seconds, extra := encodeTime(f.Modified)
		for _, field := range []string{"atime", "ctime", "mtime", "crtime"} {
			fmt.Fprintf(&b, "sif <%[1]d> %[2]s @%[3]d\nsif <%[1]d> %[2]s_extra %[4]d\n", number, field, seconds, extra)
		}
	}
	return b.Bytes(), values
}

// device makes a device under all its names.
func (n *Numbered) device(b *bytes.Buffer, f *tree.Node) {
	kind := "c"
	if f.Kind() == tree.BlockDev {
		kind = "b"
	}
	names, number := n.devices[f], n.numbers[f]
	for i, at := range names {
		fmt.Fprintf(b, "cd <%d>\n", n.numbers[at.parent])
		if i == 0 {
			fmt.Fprintf(b, "mknod %s %s 0 0\n", quote(at.name), kind)
		} else {
			fmt.Fprintf(b, "ln <%d> %s\n", number, quote(at.name))
		}
	}
	old, large := encodeDevice(f.Major, f.Minor)
	fmt.Fprintf(b, "sif <%[1]d> links_count %[2]d\nsif <%[1]d> block[0] %[3]d\nsif <%[1]d> block[1] %[4]d\n", number, len(names), old, large)
}

// quote writes a word as debugfs reads it.
func quote(word string) string { return `"` + strings.ReplaceAll(word, `"`, `""`) + `"` }

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
