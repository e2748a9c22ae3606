package rootfs

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/disk/tree"
)

// Need is what a tree takes of a file system.
type Need struct {
	Blocks uint64 // of 4096 bytes
	Inodes uint64
}

const (
	maxLinks    = 65000 // of a file
	shortTarget = 59    // longest target of a symbolic link that lies in its inode
	maxExtent   = 32768 // blocks
)

// Measure says what a tree takes, and refuses what no ext4 file system holds.
func Measure(root *tree.Node) (Need, error) {
	m := &measuring{links: map[*tree.Node]int{}}
	err := m.add("/", root)
	m.need.Inodes += firstInode
	return m.need, err
}

type measuring struct {
	need  Need
	links map[*tree.Node]int
}

func (m *measuring) add(at string, n *tree.Node) error {
	if m.links[n]++; m.links[n] > maxLinks {
		return fmt.Errorf("%s is one of more than %d hard links to a file", at, maxLinks)
	} else if m.links[n] > 1 {
		if strings.HasPrefix(path.Base(at), "<") {
			return fmt.Errorf("%s: a hard link of this name is a number to debugfs", at)
		}
		return nil
	}
	attributes, err := xattrBlocks(n.Xattrs)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	if err := checkWord(n.Target); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	m.need.Inodes++
	m.need.Blocks += attributes + dataBlocks(n)
	names := 0
	for _, name := range n.Names() {
		names += len(name) + 12
		if err := checkWord(name); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if err := m.add(path.Join(at, name), n.Children[name]); err != nil {
			return err
		}
	}
	if n.IsDir() {
		m.need.Blocks += uint64(names+names/8)/blockSize + 1 // entries do not go over the end of a block
	}
	return nil
}

// dataBlocks is how many blocks a file's content takes; a directory's are counted by its names.
func dataBlocks(n *tree.Node) uint64 {
	switch {
	case n.Kind() == tree.Regular:
		blocks := uint64(n.Size+blockSize-1) / blockSize
		return blocks + blocks/maxExtent // and those that say where they are
	case n.Kind() == tree.Symlink && len(n.Target) > shortTarget:
		return 1
	}
	return 0
}

// KeepsXattr says whether an attribute is of a kind that ext4 keeps.
func KeepsXattr(name string) bool {
	return slices.ContainsFunc([]string{"user.", "trusted.", "security."}, func(space string) bool {
		return strings.HasPrefix(name, space) && len(name) > len(space)
	}) || name == "system.posix_acl_access" || name == "system.posix_acl_default"
}

// xattrBlocks is how many blocks attributes take. They lie in the inode or in one block.
func xattrBlocks(attributes map[string]string) (uint64, error) {
	size := 36
	for name, value := range attributes {
		if !KeepsXattr(name) {
			continue
		}
		if len(name) > 255 || strings.ContainsAny(name, "\n\x00") {
			return 0, fmt.Errorf("%q is no name of an extended attribute", name)
		}
		size += 16 + (len(name)+3)&^3 + (len(value)+3)&^3
	}
	switch {
	case size > blockSize:
		return 0, fmt.Errorf("its extended attributes are larger than a block, %d bytes", blockSize)
	case size > 36:
		return 1, nil
	}
	return 0, nil
}
