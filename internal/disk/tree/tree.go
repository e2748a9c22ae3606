// Package tree puts an image's layers together.
//
// A layer is unpacked into plain files that are called by numbers, and what it says of
// them into an index; the tree is made of indexes, in memory. So a layer cannot escape
// into this machine by its paths, links or devices, and neither owners nor capabilities
// need a privilege here. Equal layers give equal trees.
package tree

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// The kinds of files, as in stat's st_mode.
const (
	KindMask  = 0o170000
	Directory = 0o040000
	Regular   = 0o100000
	Symlink   = 0o120000
	CharDev   = 0o020000
	BlockDev  = 0o060000
	Fifo      = 0o010000
)

// Node is a file. A file with several names is one node that several directories hold.
type Node struct {
	Mode         uint32 // kind and permissions, as in stat's st_mode
	UID, GID     uint32
	Modified     time.Time
	Xattrs       map[string]string
	Target       string // of a symbolic link
	Major, Minor uint32 // of a device
	Size         int64  // of a regular file
	Content      string // file on this machine that holds its bytes, which nobody may change
	Children     map[string]*Node
}

// Kind is the kind of the file.
func (n *Node) Kind() uint32 { return n.Mode & KindMask }

// IsDir says whether it is a directory.
func (n *Node) IsDir() bool { return n.Kind() == Directory }

// Names are the names in a directory, in the order of their bytes.
func (n *Node) Names() []string { return slices.Sorted(maps.Keys(n.Children)) }

// Open opens a regular file to be read.
func (n *Node) Open() (*os.File, error) { return os.Open(n.Content) }

// Dir is an empty directory.
func Dir(mode uint32) *Node {
	return &Node{Mode: Directory | mode, Children: map[string]*Node{}, Modified: time.Unix(0, 0)}
}

// maxLinks is how many symbolic links a path may go through, as in Linux.
const maxLinks = 40

// Find returns the file at a path, through symbolic links, which all end inside the
// tree: the root is its own parent. Its path without
// them is where it was found.
func (n *Node) Find(name string) (found *Node, where string, err error) {
	return n.walk(name, true)
}

// walk finds a file; the last element is followed only if it is asked for.
func (n *Node) walk(name string, followLast bool) (*Node, string, error) {
	var at []*Node // directories from below the root to here
	var names []string
	todo, links := elements(name), 0
	here := n
	for len(todo) > 0 {
		element := todo[0]
		todo = todo[1:]
		if element == ".." {
			if len(at) > 0 {
				here, at, names = at[len(at)-1], at[:len(at)-1], names[:len(names)-1]
			}
			continue
		}
		next := here.Children[element]
		if next == nil {
			return nil, "", fmt.Errorf("there is no %s", path.Join("/", path.Join(names...), element))
		}
		if next.Kind() == Symlink && (followLast || len(todo) > 0) {
			if links++; links > maxLinks {
				return nil, "", fmt.Errorf("%s goes through more than %d symbolic links", name, maxLinks)
			}
			if strings.HasPrefix(next.Target, "/") {
				here, at, names = n, nil, nil
			}
			todo = append(elements(next.Target), todo...)
			continue
		}
		at, names, here = append(at, here), append(names, element), next
	}
	return here, "/" + path.Join(names...), nil
}

func elements(name string) []string {
	return slices.DeleteFunc(strings.Split(name, "/"), func(e string) bool { return e == "" || e == "." })
}
