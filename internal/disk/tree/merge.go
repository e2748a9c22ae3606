package tree

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"strings"
)

const (
	whiteout = ".wh."         // before a name: the layers below have it, the image has not
	opaque   = ".wh..wh..opq" // the layers below have nothing here that the image has
	private  = ".wh..wh."     // before a name: a storage driver's own
)

// Merge puts layers together, the lowest first.
func Merge(ctx context.Context, layers []Layer, spare Spare) (*Node, error) {
	root := Dir(0o755)
	for i, layer := range layers {
		entries, err := layer.read(ctx, spare)
		if err == nil {
			err = root.apply(layer, entries)
		}
		if err != nil {
			return nil, fmt.Errorf("read layer %d of %d: %w", i+1, len(layers), err)
		}
	}
	return root, nil
}

// apply puts a layer on top. Its whiteouts are about the layers below alone, so they go
// first, wherever in the layer they are.
func (n *Node) apply(layer Layer, entries []entry) error {
	var files []entry
	for _, e := range entries {
		if len(e.path) == 0 || !strings.HasPrefix(e.path[len(e.path)-1], whiteout) {
			files = append(files, e)
		} else if err := n.whiteOut(e); err != nil {
			return fmt.Errorf("entry %q: %w", e.header.Name, err)
		}
	}
	for _, e := range files {
		if err := n.add(layer, e); err != nil {
			return fmt.Errorf("entry %q: %w", e.header.Name, err)
		}
	}
	return nil
}

// whiteOut removes what a whiteout names. What is not there needs no removing.
func (n *Node) whiteOut(e entry) error {
	last := e.path[len(e.path)-1]
	name := strings.TrimPrefix(last, whiteout)
	if name == "" || name == "." || name == ".." {
		return errors.New("it is a whiteout of no file")
	}
	parent, _, err := n.walk(strings.Join(e.path[:len(e.path)-1], "/"), true)
	if err != nil || !parent.IsDir() {
		return nil
	}
	switch {
	case last == opaque:
		clear(parent.Children)
	case !strings.HasPrefix(last, private):
		delete(parent.Children, name)
	}
	return nil
}

// add puts a file where its entry says.
func (n *Node) add(layer Layer, e entry) error {
	if len(e.path) == 0 {
		if e.header.Typeflag != tar.TypeDir {
			return errors.New("the root of an image is a directory")
		}
		n.describe(e.header)
		return nil
	}
	parent, err := n.parent(e.path[:len(e.path)-1])
	if err != nil {
		return err
	}
	name := e.path[len(e.path)-1]
	if have := parent.Children[name]; have != nil && have.IsDir() && e.header.Typeflag == tar.TypeDir {
		have.describe(e.header)
		return nil
	}
	made, err := n.create(layer, e)
	if err == nil {
		parent.Children[name] = made
	}
	return err
}

// parent is the directory that a path names, through symbolic links as the image itself
// would see them. What is missing is made.
func (n *Node) parent(path []string) (*Node, error) {
	here, _, err := n.walk(strings.Join(path, "/"), true)
	if err == nil {
		if !here.IsDir() {
			return nil, fmt.Errorf("/%s is no directory", strings.Join(path, "/"))
		}
		return here, nil
	}
	above, err := n.parent(path[:len(path)-1])
	if err != nil {
		return nil, err
	}
	last := path[len(path)-1]
	if above.Children[last] != nil {
		return nil, fmt.Errorf("/%s leads nowhere", strings.Join(path, "/"))
	}
	above.Children[last] = Dir(0o755)
	return above.Children[last], nil
}

// create makes the file that an entry describes; of a hard link, it is the one that is linked to.
func (n *Node) create(layer Layer, e entry) (*Node, error) {
	made := &Node{}
	switch e.header.Typeflag {
	case tar.TypeLink:
		return n.linked(e.header.Linkname)
	case tar.TypeDir:
		made = Dir(0)
	case tar.TypeSymlink:
		made.Mode, made.Target = Symlink, e.header.Linkname
	case tar.TypeChar:
		made.Mode = CharDev
	case tar.TypeBlock:
		made.Mode = BlockDev
	case tar.TypeFifo:
		made.Mode = Fifo
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		made.Mode, made.Size = Regular, e.header.Size
		if made.Content = e.apart; e.apart == nil {
			made.Content, made.Offset = layer.Content, e.offset
		}
	default:
		return nil, fmt.Errorf("%q is no kind of file that is known", e.header.Typeflag)
	}
	made.describe(e.header)
	made.Major, made.Minor = uint32(e.header.Devmajor), uint32(e.header.Devminor)
	return made, nil
}

// linked is the file that a hard link names. Like every name of a layer it begins at
// the root of the image.
func (n *Node) linked(target string) (*Node, error) {
	path, err := checkPath(target)
	if err != nil {
		return nil, fmt.Errorf("hard link to %q: %w", target, err)
	}
	to, _, err := n.walk(strings.Join(path, "/"), false)
	switch {
	case err != nil:
		return nil, fmt.Errorf("hard link to %q: %w", target, err)
	case to.IsDir():
		return nil, fmt.Errorf("hard link to %q, which is a directory", target)
	}
	return to, nil
}

// describe takes what an entry says of its file.
func (n *Node) describe(h *tar.Header) {
	n.Mode = n.Kind() | uint32(h.Mode)&0o7777
	if n.Kind() == Symlink {
		n.Mode = Symlink | 0o777
	}
	n.UID, n.GID, n.Modified = uint32(h.Uid), uint32(h.Gid), h.ModTime
	n.Xattrs = nil
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			if n.Xattrs == nil {
				n.Xattrs = map[string]string{}
			}
			n.Xattrs[name] = value
		}
	}
}
