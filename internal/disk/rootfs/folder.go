package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/disk/tree"
)

// filling is a tree on its way into a folder.
type filling struct {
	ctx     context.Context
	apart   string                // folder of files that no layer has
	sources map[*tree.Node]string // what a file is linked to
	taken   map[string]bool       // contents that are a file's
}

// Fill puts a tree into a folder that is not there yet, for mke2fs to read: all but devices,
// of whoever calls it. The bytes of files are linked and not copied, so nobody may write
// there. What cannot be linked is made in apart first, which is another such folder.
func Fill(ctx context.Context, root *tree.Node, folder, apart string) error {
	if err := errors.Join(os.Mkdir(folder, 0o700), os.Mkdir(apart, 0o700)); err != nil {
		return err
	}
	fd, err := unix.Open(folder, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", folder, err)
	}
	defer unix.Close(fd)
	f := &filling{ctx: ctx, apart: apart, sources: map[*tree.Node]string{}, taken: map[string]bool{}}
	return f.directory(root, fd, true)
}

// directory fills the folder that is open. Paths may be longer than this machine takes, so
// there are none.
func (f *filling) directory(n *tree.Node, at int, top bool) error {
	if err := context.Cause(f.ctx); err != nil {
		return err
	}
	for _, name := range n.Names() {
		child := n.Children[name]
		var err error
		switch {
		case top && name == lostAndFound || isDevice(child):
		case child.IsDir():
			err = f.subdirectory(child, at, name)
		default:
			err = f.link(child, at, name)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (f *filling) subdirectory(n *tree.Node, at int, name string) error {
	if err := unix.Mkdirat(at, name, 0o700); err != nil {
		return err
	}
	fd, err := unix.Openat(at, name, unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f.directory(n, fd, false)
}

// link gives a file a name. All names of one file are links to one, and those of two never:
// mke2fs takes them for the same.
func (f *filling) link(n *tree.Node, at int, name string) error {
	source := f.sources[n]
	if source == "" && n.Kind() == tree.Regular && !f.taken[n.Content] {
		f.taken[n.Content] = true
		if unix.Linkat(unix.AT_FDCWD, n.Content, at, name, 0) == nil {
			f.sources[n] = n.Content
			return nil
		}
	}
	if source == "" {
		source = filepath.Join(f.apart, strconv.Itoa(len(f.sources)))
		if err := create(n, source); err != nil {
			return err
		}
		f.sources[n] = source
	}
	return unix.Linkat(unix.AT_FDCWD, source, at, name, 0)
}

// create makes a file that is in no layer, or whose file there cannot be linked.
func create(n *tree.Node, path string) error {
	switch n.Kind() {
	case tree.Symlink:
		return os.Symlink(n.Target, path)
	case tree.Fifo:
		return unix.Mkfifo(path, 0o600)
	}
	return Copy(n, path)
}

// Copy copies the bytes of a regular file into a new one.
func Copy(n *tree.Node, path string) error {
	from, err := n.Open()
	if err != nil {
		return err
	}
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return errors.Join(err, from.Close())
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close(), from.Close())
}
