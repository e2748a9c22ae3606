package ext4

import (
	"fmt"
	"path"

	"slipway.dev/slipway/internal/disk/tree"
)

// Need is what a tree takes of a file system.
type Need struct {
	Blocks uint64 // of 4096 bytes
	Inodes uint64
}

// shortTarget is the longest target of a symbolic link that lies in its inode.
const shortTarget = 59

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
	if m.links[n]++; m.links[n] > 65000 {
		return fmt.Errorf("%s is one of more than 65000 hard links to a file", at)
	} else if m.links[n] > 1 {
		return nil
	}
	attributes := sortXattrs(n.Xattrs)
	if err := checkXattrs(attributes); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	if !fitsInode(attributes) {
		m.need.Blocks++
	}
	m.need.Inodes++
	m.need.Blocks += dataBlocks(n)
	if dataBlocks(n) >= maxRun {
		m.need.Blocks++ // of extents, perhaps
	}
	if !n.IsDir() {
		return nil
	}
	names := n.Names()
	m.need.Blocks += directoryBlocks(names)
	for _, name := range names {
		if err := m.add(path.Join(at, name), n.Children[name]); err != nil {
			return err
		}
	}
	return nil
}

// dataBlocks is how many blocks a file's content takes; a directory's are counted by its names.
func dataBlocks(n *tree.Node) uint64 {
	switch {
	case n.Kind() == tree.Regular:
		return uint64(n.Size+blockSize-1) / blockSize
	case n.Kind() == tree.Symlink && len(n.Target) > shortTarget:
		return 1
	}
	return 0
}
