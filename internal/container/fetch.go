package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Fetch opens a root file system that lies elsewhere in one file, which is what a digest
// names: a tar or squashfs of it, or an image of LXD's. Unless the root is in the cache,
// fetch writes the file, and sees that it is that one.
func (c Cache) Fetch(ctx context.Context, name, digest string, fetch func(ctx context.Context, to io.Writer) error) (_ *Opened, err error) {
	o := &Opened{Root: Root{Name: name, Digest: digest}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open %s: %w", name, err), o.Close())
		}
	}()
	err = c.hold(ctx, o, "", func(ctx context.Context, tree string) error {
		file := filepath.Join(filepath.Dir(tree), "archive")
		if err := download(ctx, file, fetch); err != nil {
			return err
		}
		return errors.Join(unpackArchive(ctx, file, tree), os.Remove(file))
	})
	if err != nil {
		return nil, err
	}
	if inner := filepath.Join(o.Tree, "rootfs"); isFolder(inner) && !isFolder(filepath.Join(o.Tree, "etc")) {
		o.Tree = inner // an image of LXD's has metadata beside it
	}
	if o.Init, err = findInit(o.Tree); err != nil {
		return nil, err
	}
	return o, nil
}

func download(ctx context.Context, file string, fetch func(ctx context.Context, to io.Writer) error) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(fetch(ctx, f), f.Close())
}

// unpackArchive unpacks a tar or a squashfs.
func unpackArchive(ctx context.Context, file, tree string) error {
	squashed, err := isSquashfs(file)
	switch {
	case err != nil:
		return err
	case squashed:
		return program(ctx, nil, "unsquashfs", "-quiet", "-no-progress", "-force", "-dest", tree, file)
	}
	return program(ctx, nil, append(untar(tree), "--file="+file)...)
}

// isSquashfs goes by the name or the first bytes: a blob of a store has no such name.
func isSquashfs(file string) (_ bool, err error) {
	if strings.HasSuffix(file, ".squashfs") {
		return true, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(f, magic); err != nil {
		return false, nil // too short for either; tar says so
	}
	return bytes.Equal(magic, []byte("hsqs")), nil
}
