package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// unlockedYet is how old a scratch folder is at least when it is taken for one
// whose process was killed: a younger one may not be locked yet.
const unlockedYet = time.Minute

// scratch makes a folder for one build or pull, which is locked as long as that
// lives. What killed ones left goes first.
func (b *Builder) scratch(ctx context.Context) (folder string, remove func(), err error) {
	work := filepath.Join(b.Cache, "work")
	if err := os.MkdirAll(work, 0o700); err != nil {
		return "", nil, fmt.Errorf("make the cache folder: %w; name another with --cache", err)
	}
	b.sweep(ctx, work)
	folder, err = os.MkdirTemp(work, "image-")
	if err != nil {
		return "", nil, fmt.Errorf("make a scratch folder: %w; name another place with --cache", err)
	}
	lock, err := hold(folder)
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("lock a scratch folder: %w; name another place with --cache", err), os.RemoveAll(folder))
	}
	return folder, func() { _ = os.RemoveAll(folder); _ = lock.Close() }, nil
}

func hold(folder string) (*os.File, error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// sweep removes what builds left that were killed: their folders, and through them
// their containers and the images of their stages. What fails is the next one's.
func (b *Builder) sweep(ctx context.Context, work string) {
	folders, err := filepath.Glob(filepath.Join(work, "image-*"))
	if err != nil {
		return
	}
	for _, folder := range folders {
		info, err := os.Stat(folder)
		if err != nil || time.Since(info.ModTime()) < unlockedYet {
			continue
		}
		lock, err := hold(folder)
		if err != nil {
			continue
		}
		if b.Podman.Clean(ctx, folder) == nil {
			_ = os.RemoveAll(folder)
		}
		_ = lock.Close()
	}
}
