package rootfs

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// ListScript lets debugfs list all folders.
func (n *Numbered) ListScript() []byte {
	var b bytes.Buffer
	for _, f := range n.files {
		if f.IsDir() {
			fmt.Fprintf(&b, "ls -p <%d>\n", n.numbers[f])
		}
	}
	return b.Bytes()
}

// CheckList compares what debugfs listed with the tree: each name has its inode, and that
// its mode, owner and size. Another order of numbers would have given them to other files.
func (n *Numbered) CheckList(listed string) error {
	want, found := n.rows(), 0
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
			return fmt.Errorf("mke2fs numbered files in another order than is known of it: %s was not to be; use e2fsprogs 1.46 or 1.47", row)
		}
		found++
	}
	if found != len(want) {
		return fmt.Errorf("the file system has %d names, and the image %d", found, len(want))
	}
	return nil
}

// rows are what debugfs should list.
func (n *Numbered) rows() map[string]bool {
	rows := map[string]bool{}
	for _, folder := range n.files {
		for name, f := range folder.Children {
			if n.numbers[folder] == rootInode && name == lostAndFound {
				continue
			}
			size := fmt.Sprint(f.Size)
			switch {
			case f.IsDir():
				size = ""
			case f.Target != "":
				size = fmt.Sprint(len(f.Target))
			}
			rows[fmt.Sprintf("%d/%d/%06o/%d/%d/%s/%s", n.numbers[folder], n.numbers[f], f.Mode, int32(f.UID), int32(f.GID), name, size)] = true
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
