package container

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/scratch"
)

// Forms are the ways to name a root file system, for people.
const Forms = "HOST/PATH@sha256:HEX, HOST/PATH:TAG, oci:FOLDER, rootfs:FOLDER, rootfs:FILE or lxd:FILE[,ROOTFS]"

// Cache keeps root file systems unpacked, each under its digest.
type Cache struct {
	Folder string
	Keep   time.Duration // unused ones are removed after that; 0 is a week
	Say    func(string)
}

const keep = 7 * 24 * time.Hour

// Opened is a root file system that stays where it is until Close.
type Opened struct {
	Root
	held *os.File
}

// Close lets the cache remove it.
func (o *Opened) Close() error {
	if o.held == nil {
		return nil
	}
	return o.held.Close()
}

// Open finds a root file system, and unpacks it unless it is in the cache.
func (c Cache) Open(ctx context.Context, reference string) (_ *Opened, err error) {
	o := &Opened{Root: Root{Name: reference}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open %s: %w", reference, err), o.Close())
		}
	}()
	kind, rest, _ := strings.Cut(reference, ":")
	switch {
	case kind == "rootfs" && isFolder(rest):
		o.Tree, err = filepath.Abs(rest)
	case kind == "rootfs":
		err = c.archive(ctx, o, []string{rest}, "")
	case kind == "lxd":
		err = c.lxd(ctx, o, strings.Split(rest, ","))
	default:
		err = c.image(ctx, o, reference)
	}
	if err == nil {
		o.Init, err = findInit(o.Tree)
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// lxd opens an image of LXD's: one file that holds metadata.yaml and rootfs, or one of
// metadata and one of the root. Its digest is LXD's own fingerprint, of both in a row.
func (c Cache) lxd(ctx context.Context, o *Opened, files []string) error {
	if len(files) > 2 {
		return fmt.Errorf("an image of LXD's has one file or two, not %d", len(files))
	}
	for i, file := range files {
		var err error
		if files[i], err = filepath.Abs(file); err != nil {
			return err
		}
	}
	inner := ""
	if len(files) == 1 {
		inner = "rootfs"
	}
	o.LXD = files
	return c.archive(ctx, o, files, inner)
}

// archive opens the last of files, and of what it holds the folder inner. All of them are
// in the digest.
func (c Cache) archive(ctx context.Context, o *Opened, files []string, inner string) (err error) {
	if o.Digest, err = digest(files); err != nil {
		return err
	}
	return c.hold(ctx, o, inner, func(ctx context.Context, tree string) error {
		return unpackNamed(ctx, files, o.Digest, tree)
	})
}

// unpackNamed unpacks the last of files, and sees afterwards that they are what the digest
// names still.
func unpackNamed(ctx context.Context, files []string, named, tree string) error {
	file, err := filepath.Abs(files[len(files)-1])
	if err != nil {
		return err
	}
	if err := unpackArchive(ctx, file, tree); err != nil {
		return err
	}
	switch now, err := digest(files); {
	case err != nil:
		return err
	case now != named:
		return fmt.Errorf("%s is %s now, and was %s; nothing may write to it meanwhile", strings.Join(files, ","), now, named)
	}
	return nil
}

func digest(files []string) (string, error) {
	sum := sha256.New()
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(sum, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return "", err
		}
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

// untar is tar that unpacks into a folder, and sees by itself how the archive is compressed.
func untar(tree string) []string {
	return []string{"tar", "--extract", "--directory=" + tree, "--numeric-owner", "--same-permissions", "--xattrs", "--xattrs-include=*", "--delay-directory-restore"}
}

func program(ctx context.Context, stdin io.Reader, args ...string) error {
	err := exec.Run(ctx, exec.Cmd{Args: args, Stdin: stdin})
	if exec.IsNotFound(err) {
		return fmt.Errorf("%w; install %s", err, map[string]string{"unsquashfs": "squashfs-tools", "tar": "tar"}[args[0]])
	}
	return err
}

// hold makes the root's tree be in the cache, and keeps it there.
func (c Cache) hold(ctx context.Context, o *Opened, inner string, unpack func(ctx context.Context, tree string) error) error {
	if os.Geteuid() != 0 {
		return errors.New("unpacking a root file system needs root, for the owners of its files")
	}
	folder := filepath.Join(c.Folder, strings.TrimPrefix(o.Digest, "sha256:"))
	held, err := holdFolder(folder)
	if errors.Is(err, os.ErrNotExist) {
		err = c.unpack(ctx, o.Name, folder, unpack)
		if err == nil {
			held, err = holdFolder(folder)
		}
	}
	if err != nil {
		return err
	}
	o.held, o.Tree = held, filepath.Join(folder, treeFolder, inner)
	if !isFolder(o.Tree) {
		return fmt.Errorf("it holds no folder %s", inner)
	}
	return nil
}

const treeFolder = "tree"

// holdFolder keeps a folder of the cache from being removed. Its time is that of its last use.
func holdFolder(folder string) (*os.File, error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is being removed; try again: %w", folder, err), f.Close())
	}
	if _, err := os.Stat(filepath.Join(folder, treeFolder)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	now := time.Now()
	return f, os.Chtimes(folder, now, now)
}

// unpack makes a folder of the cache. It appears whole; of two that make the same one the
// second one's is thrown away.
func (c Cache) unpack(ctx context.Context, name, folder string, unpack func(ctx context.Context, tree string) error) error {
	making, remove, err := scratch.Place{Parent: c.Folder, Prefix: "making-"}.Make()
	if err != nil {
		return err
	}
	defer remove()
	if err := c.prune(making); err != nil {
		return err
	}
	defer progress.Watch(10*time.Second, "unpack "+name, c.Say)()
	tree := filepath.Join(making, "new", treeFolder)
	if err := errors.Join(os.Mkdir(filepath.Dir(tree), 0o700), os.Mkdir(tree, 0o755)); err != nil {
		return err
	}
	if err := unpack(ctx, tree); err != nil {
		return err
	}
	err = os.Rename(filepath.Dir(tree), folder)
	if errors.Is(err, os.ErrExist) || errors.Is(err, unix.ENOTEMPTY) {
		return nil
	}
	return err
}

// prune moves what nobody uses and nobody used for long into a folder, which is removed.
func (c Cache) prune(aside string) error {
	limit := c.Keep
	if limit == 0 {
		limit = keep
	}
	entries, err := os.ReadDir(c.Folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || len(e.Name()) != sha256.Size*2 || time.Since(info.ModTime()) < limit {
			continue
		}
		if err := removeUnused(filepath.Join(c.Folder, e.Name()), aside); err != nil {
			return fmt.Errorf("prune the cache of root file systems: %w", err)
		}
	}
	return nil
}

// removeUnused moves a root aside at once, so that nobody finds half of one, also if we are
// killed: it would stand in the way of the same root, unpacked again.
func removeUnused(folder, aside string) error {
	f, err := os.Open(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil // somebody else was first
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil // somebody uses it
	}
	err = os.Rename(folder, filepath.Join(aside, filepath.Base(folder)))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
