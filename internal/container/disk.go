package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/scratch"
)

// Disk is a root file system as ext4, for a virtual machine to read. It is made once, and
// stays in the cache as long as the root does.
func (c Cache) Disk(ctx context.Context, o *Opened) (file string, err error) {
	if o.held == nil {
		return "", fmt.Errorf("make a disk of %s: it is a folder, which may change; name an archive or an image", o.Name)
	}
	file = o.Tree + ".ext4"
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		return file, err
	}
	making, remove, err := scratch.Place{Parent: c.Folder, Prefix: "making-"}.Make()
	if err != nil {
		return "", err
	}
	defer remove()
	defer progress.Watch(10*time.Second, "make a disk of "+o.Name, c.Say)()
	part := filepath.Join(making, "root.ext4")
	if err := makeDisk(ctx, o.Tree, part); err != nil {
		return "", fmt.Errorf("make a disk of %s: %w", o.Name, err)
	}
	return file, os.Rename(part, file)
}

// makeDisk makes a file system that is only read: it has neither a journal nor room to spare.
func makeDisk(ctx context.Context, tree, file string) error {
	need, err := measure(tree)
	if err != nil {
		return err
	}
	// The file has holes where nothing is, so a generous size costs nothing.
	size := need.blocks*blockSize*5/4 + need.inodes*512 + 64<<20
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, size)); err != nil {
		return err
	}
	err = exec.Run(ctx, exec.Cmd{Env: append(os.Environ(), "MKE2FS_CONFIG=/dev/null"), Args: []string{
		"mke2fs", "-q", "-F", "-b", fmt.Sprint(blockSize), "-I", "256", "-m", "0", "-N", fmt.Sprint(need.inodes + need.inodes/8 + 64),
		"-O", "none,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize",
		"-E", "nodiscard,assume_storage_prezeroed=1,root_owner=0:0", "-d", tree, file,
	}})
	if exec.IsNotFound(err) {
		return fmt.Errorf("%w; install e2fsprogs", err)
	}
	return err
}

const blockSize = 4096

type room struct{ blocks, inodes int64 }

// measure says what a file system of the tree needs at least.
func measure(tree string) (n room, err error) {
	err = filepath.WalkDir(tree, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		n.inodes++
		n.blocks += (info.Size()+blockSize-1)/blockSize + 1 // one for attributes, or a folder's names
		return nil
	})
	return n, err
}
