package openqa

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/progress"
)

// maxDisk is the largest disk that is read back, in bytes.
const maxDisk = 1 << 40

// every is how often it is said that a disk is still read or written.
const every = 30 * time.Second

// DigestFile is the digest of a file's bytes.
func DigestFile(ctx context.Context, path string, say func(string)) (string, error) {
	defer progress.Watch(every, "reading "+path, say)()
	sum := sha256.New()
	if err := copyFile(ctx, sum, path); err != nil {
		return "", fmt.Errorf("read disk: %w", err)
	}
	return digestOf(sum), nil
}

func digestOf(sum hash.Hash) string { return "sha256:" + hex.EncodeToString(sum.Sum(nil)) }

// copyFile copies a file's bytes until ctx ends.
func copyFile(ctx context.Context, to io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(to, readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return f.Read(p)
	}))
	return err
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Place puts a disk into openQA's folder of disks, share/factory/hdd, under the name that
// says what is in it, and tells openQA. The bytes that are written are those whose digest
// the disk has, or nothing is there afterwards. A disk that is there already is read, and
// used if it is the same.
func (c *Client) Place(ctx context.Context, d Disk, file, folder string) error {
	path := filepath.Join(folder, d.Asset())
	have, err := DigestFile(ctx, path, c.say)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		defer progress.Watch(every, "writing "+path, c.say)()
		if err := place(ctx, d, file, path); err != nil {
			return fmt.Errorf("copy disk %s to openQA: %w", file, err)
		}
	case err != nil:
		return fmt.Errorf("look for disk in openQA's folder: %w", err)
	case have != d.Digest:
		return fmt.Errorf("%s holds other bytes than its name says (%s); find out who wrote it, and remove it", path, have)
	}
	if err := c.register(ctx, d.Asset()); err != nil {
		return fmt.Errorf("%w; is %s the folder share/factory/hdd of that openQA?", err, folder)
	}
	return nil
}

// place writes the file before it has a name, so that nobody sees half of it.
func place(ctx context.Context, d Disk, file, path string) error {
	temporary, remove, err := createUnnamed(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer remove()
	sum := sha256.New()
	if err := copyFile(ctx, io.MultiWriter(temporary, sum), file); err != nil {
		return err
	}
	if digest := digestOf(sum); digest != d.Digest {
		return fmt.Errorf("its bytes are %s now, and were %s; nothing may write to it meanwhile", digest, d.Digest)
	}
	// openQA and its workers are other users.
	if err := errors.Join(temporary.Chmod(0o644), temporary.Sync()); err != nil {
		return err
	}
	if err := linkOpen(temporary, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err // where another run was first, its bytes are read at the end
	}
	return nil
}

// createUnnamed makes a file that the kernel removes with us, or where the file system
// has none of those, as NFS, one with a name to be removed.
func createUnnamed(folder string) (f *os.File, remove func(), err error) {
	fd, err := unix.Open(folder, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		f = os.NewFile(uintptr(fd), filepath.Join(folder, "(a file without a name)"))
		return f, func() { _ = f.Close() }, nil
	}
	if f, err = os.CreateTemp(folder, ".slipway-*"); err != nil {
		return nil, nil, err
	}
	return f, func() { _ = f.Close(); _ = os.Remove(f.Name()) }, nil
}

// linkOpen gives an open file a name.
func linkOpen(f *os.File, path string) error {
	err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
	if err != nil {
		return &os.LinkError{Op: "link", Old: f.Name(), New: path, Err: err}
	}
	return nil
}

// VerifyDisk reads the disk back from openQA, as its workers get it, and refuses other
// bytes than those that are to be tested.
func (c *Client) VerifyDisk(ctx context.Context, d Disk) error {
	do := "read back disk " + d.Asset()
	defer progress.Watch(every, do, c.say)()
	var sum hash.Hash
	err := c.download(ctx, do, "/assets/hdd/"+d.Asset(), maxDisk, func() (io.Writer, error) {
		sum = sha256.New()
		return sum, nil
	})
	if err != nil {
		return err
	}
	if digest := digestOf(sum); digest != d.Digest {
		return fmt.Errorf("%s at %s: its bytes are %s; what was tested there is another disk, so nothing is said of this one; remove it there and run again", do, c.base.Host, digest)
	}
	return nil
}
