package rootfs

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"slipway.dev/slipway/internal/disk/tree"
)

// ListScript lets debugfs list all folders.
func (f *Filled) ListScript() []byte {
	var b bytes.Buffer
	for _, n := range f.files {
		if n.IsDir() {
			fmt.Fprintf(&b, "ls -p <%d>\n", f.numbers[n])
		}
	}
	return b.Bytes()
}

// CheckList compares what debugfs listed with the tree: each name has its inode, and that
// its mode, owner and size. Another order of numbers would have given them to other files.
func (f *Filled) CheckList(listed string) error {
	want, found := f.rows(), 0
	parts := strings.Split(listed, "/") // no name has one; a row has seven
	var folder string
	for ; len(parts) > 7; parts = parts[7:] {
		number, name := parts[1], parts[5]
		if name == "." {
			folder = number
		}
		if name == "." || name == ".." || name == lostAndFound && folder == fmt.Sprint(rootInode) {
			continue
		}
		if row := folder + "/" + strings.Join(parts[1:7], "/"); !want[row] {
			return fmt.Errorf("debugfs made %s, which was not wanted; use e2fsprogs 1.47", row)
		}
		found++
	}
	if found != len(want) {
		return fmt.Errorf("the file system has %d names, and the image %d", found, len(want))
	}
	return nil
}

// rows are what debugfs should list.
func (f *Filled) rows() map[string]bool {
	rows := map[string]bool{}
	for _, folder := range f.files {
		for name, n := range folder.Children {
			if f.numbers[folder] == rootInode && name == lostAndFound {
				continue
			}
			size := fmt.Sprint(n.Size)
			switch n.Kind() {
			case tree.Directory:
				size = ""
			case tree.Symlink:
				size = fmt.Sprint(len(n.Target))
			}
			rows[fmt.Sprintf("%d/%d/%06o/%d/%d/%s/%s", f.numbers[folder], f.numbers[n], n.Mode, int32(n.UID), int32(n.GID), name, size)] = true
		}
	}
	return rows
}

// Said is the error that debugfs told of, whose exit code does not.
func Said(stderr string) error {
	_, complaints, _ := strings.Cut(stderr, "\n") // after its version
	if complaints = strings.TrimSpace(complaints); complaints != "" {
		first, _, _ := strings.Cut(complaints, "\n")
		return errors.New("debugfs: " + first)
	}
	return nil
}
