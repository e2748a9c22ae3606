// Package ext4 fills an empty ext4 file system with a tree.
//
// mke2fs makes the file system; its own -d takes a folder's times of change and the order
// in which the machine lists it, so that the same tree gives other bytes on another
// machine, and the folder has to be made by root. Here the bytes follow from the tree
// alone, and no privilege is needed. e2fsck and the kernel read what was written.
package ext4

import (
	"context"
	"fmt"
	"io"
	"path"

	"slipway.dev/slipway/internal/disk/tree"
)

// file is what is to be known of a node while it is written.
type file struct {
	number uint32
	links  uint32
	xattrs []xattr
}

// filling is a tree on its way into a file system.
type filling struct {
	*filesystem
	ctx    context.Context
	files  map[*tree.Node]*file
	order  []*tree.Node // files that are no directories, as they are met
	buffer []byte
}

// Populate writes a tree into the empty file system on dev, which mke2fs made as Format
// says, on a device that held only zeroes.
func Populate(ctx context.Context, dev Device, root *tree.Node) error {
	if _, err := Measure(root); err != nil {
		return err
	}
	fs, err := open(dev)
	if err != nil {
		return err
	}
	if err := fs.readReserved(dev); err != nil {
		return fmt.Errorf("read the first inodes: %w", err)
	}
	p := &filling{filesystem: fs, ctx: ctx, files: map[*tree.Node]*file{}, buffer: make([]byte, gather)}
	if err := p.number("/", root); err != nil {
		return err
	}
	p.files[root].number = rootInode
	fs.free(uint64(le.Uint32(fs.inode(rootInode)[0x28+12+8:]))) // its one block, which is written anew
	if err := p.directories("/", root, root); err != nil {
		return err
	}
	if err := p.contents(); err != nil {
		return err
	}
	return fs.finish()
}

// number gives each file its inode, in the order of the paths.
func (p *filling) number(at string, n *tree.Node) error {
	if have := p.files[n]; have != nil {
		have.links++
		return nil
	}
	f := &file{links: 1, xattrs: sortXattrs(n.Xattrs)}
	p.files[n] = f
	if at != "/" {
		var err error
		if f.number, err = p.allocateInode(n.IsDir()); err != nil {
			return err
		}
	}
	if !n.IsDir() {
		p.order = append(p.order, n)
		return nil
	}
	for _, name := range n.Names() {
		if at == "/" && name == lostAndFound {
			continue
		}
		child := n.Children[name]
		if child.IsDir() {
			f.links++
		}
		if err := p.number(path.Join(at, name), child); err != nil {
			return err
		}
	}
	return nil
}

// lostAndFound is mke2fs's own, and stays.
const lostAndFound = "lost+found"

// directories writes a directory and those in it. They come before the files, so that
// they lie together.
func (p *filling) directories(at string, n, parent *tree.Node) error {
	me := p.files[n]
	entries := []name{{".", me.number, 2}, {"..", p.files[parent].number, 2}}
	if at == "/" {
		entries = append(entries, name{lostAndFound, lostInode, 2})
		me.links += 2 // its own "..", and lost+found's
	} else {
		me.links++ // its own "."
	}
	for _, child := range n.Names() {
		if node := n.Children[child]; at != "/" || child != lostAndFound {
			entries = append(entries, name{child, p.files[node].number, fileTypes[node.Kind()]})
		}
	}
	blocks := directory(entries, p.inodeSeed(me.number))
	runs, err := p.allocate(uint64(len(blocks)))
	if err != nil {
		return fmt.Errorf("write %s: %w", at, err)
	}
	next := 0
	for _, r := range runs {
		for i := range r.count {
			p.out.write(int64(r.start+uint64(i))*blockSize, blocks[next])
			next++
		}
	}
	if err := p.describe(n, uint64(len(blocks))*blockSize, runs); err != nil {
		return fmt.Errorf("write %s: %w", at, err)
	}
	for _, child := range n.Names() {
		if node := n.Children[child]; node.IsDir() && (at != "/" || child != lostAndFound) {
			if err := p.directories(path.Join(at, child), node, n); err != nil {
				return err
			}
		}
	}
	return p.out.err
}

// describe writes a file's inode.
func (p *filling) describe(n *tree.Node, size uint64, runs []run) error {
	f := p.files[n]
	inode := p.inode(f.number)
	clear(inode)
	fill(inode, n, f.links, size)
	switch kind := n.Kind(); {
	case kind == tree.CharDev || kind == tree.BlockDev:
		device(inode, n.Major, n.Minor)
	case kind == tree.Symlink && runs == nil:
		copy(inode[0x28:], n.Target)
	case kind != tree.Fifo:
		if err := p.setExtents(f.number, runs); err != nil {
			return err
		}
	}
	if err := p.setXattrs(f.number, f.xattrs); err != nil {
		return err
	}
	p.seal(f.number)
	return nil
}

// contents writes the files that are no directories.
func (p *filling) contents() error {
	for _, n := range p.order {
		if err := context.Cause(p.ctx); err != nil {
			return err
		}
		if err := p.content(n); err != nil {
			return err
		}
	}
	return nil
}

func (p *filling) content(n *tree.Node) error {
	size := uint64(n.Size)
	if n.Kind() == tree.Symlink {
		size = uint64(len(n.Target))
	}
	runs, err := p.allocate(dataBlocks(n))
	if err != nil {
		return err
	}
	if err := p.describe(n, size, runs); err != nil {
		return err
	}
	if n.Kind() == tree.Symlink {
		for _, r := range runs {
			block := make([]byte, blockSize)
			copy(block, n.Target)
			p.out.write(int64(r.start)*blockSize, block)
		}
		return p.out.err
	}
	return p.copy(n, runs)
}

// copy copies a regular file's bytes into its blocks.
func (p *filling) copy(n *tree.Node, runs []run) error {
	at := int64(0)
	if placer, ok := p.out.to.(Placer); ok {
		for _, r := range runs {
			size := min(int64(r.count)*blockSize, n.Size-at)
			placer.Place(int64(r.start)*blockSize, size, n.Content, n.Offset+at)
			at += size
		}
		return nil
	}
	for _, r := range runs {
		to, left := int64(r.start)*blockSize, int64(r.count)*blockSize
		for left > 0 {
			part := p.buffer[:min(left, int64(len(p.buffer)))]
			filled := min(int64(len(part)), n.Size-at)
			if _, err := n.Content.ReadAt(part[:filled], n.Offset+at); err != nil && (err != io.EOF || at+filled < n.Size) {
				return fmt.Errorf("read a file of the image: %w", err)
			}
			clear(part[filled:])
			p.out.writeSparse(to, part)
			at, to, left = at+int64(len(part)), to+int64(len(part)), left-int64(len(part))
		}
	}
	return p.out.err
}
