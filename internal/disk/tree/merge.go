package tree

import (
	"archive/tar"
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
func Merge(layers []Layer) (*Node, error) {
	root := Dir(0o755)
	for i, layer := range layers {
		if err := root.apply(layer); err != nil {
			return nil, fmt.Errorf("read layer %d of %d: %w", i+1, len(layers), err)
		}
	}
	return root, nil
}

// apply puts a layer on top. Its whiteouts are about the layers below alone, so they go
// first, wherever in the layer they are.
func (n *Node) apply(layer Layer) error {
	for _, e := range layer.entries {
		if e.isWhiteout() {
			if err := n.whiteOut(e); err != nil {
				return fmt.Errorf("entry %q: %w", e.Name, err)
			}
		}
	}
	for _, e := range layer.entries {
		if !e.isWhiteout() {
			if err := n.add(layer, e); err != nil {
				return fmt.Errorf("entry %q: %w", e.Name, err)
			}
		}
	}
	return nil
}

func (e entry) isWhiteout() bool {
	_, name := e.split()
	return strings.HasPrefix(name, whiteout)
}

// whiteOut removes what a whiteout names. What is not there needs no removing.
func (n *Node) whiteOut(e entry) error {
	at, last := e.split()
	name := strings.TrimPrefix(last, whiteout)
	if name == "" || name == "." || name == ".." {
		return errors.New("it is a whiteout of no file")
	}
	parent, _, err := n.walk(strings.Join(at, "/"), true)
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
	at, name := e.split()
	if name == "" {
		if e.Type != tar.TypeDir {
			return errors.New("the root of an image is a directory")
		}
		n.describe(e)
		return nil
	}
	parent, err := n.parent(at)
	if err != nil {
		return err
	}
	if have := parent.Children[name]; have != nil && have.IsDir() && e.Type == tar.TypeDir {
		have.describe(e)
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
func (n *Node) parent(at []string) (*Node, error) {
	here, _, err := n.walk(strings.Join(at, "/"), true)
	if err == nil {
		if !here.IsDir() {
			return nil, fmt.Errorf("/%s is no directory", strings.Join(at, "/"))
		}
		return here, nil
	}
	above, err := n.parent(at[:len(at)-1])
	if err != nil {
		return nil, err
	}
	last := at[len(at)-1]
	if above.Children[last] != nil {
		return nil, fmt.Errorf("/%s leads nowhere", strings.Join(at, "/"))
	}
	above.Children[last] = Dir(0o755)
	return above.Children[last], nil
}

// create makes the file that an entry describes; of a hard link, it is the one that is linked to.
func (n *Node) create(layer Layer, e entry) (*Node, error) {
	made := &Node{}
	switch e.Type {
	case tar.TypeLink:
		return n.linked(e.Link)
	case tar.TypeDir:
		made = Dir(0)
	case tar.TypeSymlink:
		made.Mode, made.Target = Symlink, e.Link
	case tar.TypeChar:
		made.Mode = CharDev
	case tar.TypeBlock:
		made.Mode = BlockDev
	case tar.TypeFifo:
		made.Mode = Fifo
	case tar.TypeReg:
		made.Mode, made.Size, made.Content = Regular, e.Size, layer.content(e)
	default:
		return nil, fmt.Errorf("%q is no kind of file that is known", e.Type)
	}
	made.describe(e)
	made.Major, made.Minor = e.Major, e.Minor
	return made, nil
}

// linked is the file that a hard link names. Like every name of a layer it begins at
// the root of the image.
func (n *Node) linked(target string) (*Node, error) {
	at, err := checkPath(target)
	if err != nil {
		return nil, fmt.Errorf("hard link to %q: %w", target, err)
	}
	to, _, err := n.walk(strings.Join(at, "/"), false)
	switch {
	case err != nil:
		return nil, fmt.Errorf("hard link to %q: %w", target, err)
	case to.IsDir():
		return nil, fmt.Errorf("hard link to %q, which is a directory", target)
	}
	return to, nil
}

// describe takes what an entry says of its file.
func (n *Node) describe(e entry) {
	n.Mode = n.Kind() | e.Mode
	if n.Kind() == Symlink {
		n.Mode = Symlink | 0o777
	}
	n.UID, n.GID, n.Modified, n.Xattrs = e.UID, e.GID, e.Modified, e.Xattrs
}
