package command

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// staleAfter is how old a scratch folder must be to be swept. A younger one may
// not be locked yet.
const staleAfter = time.Hour

// scratch makes a folder in the cache that is removed when the command ends. It is
// locked as long as the command lives, and those of commands that were killed go.
func scratch(cache string) (folder string, remove func(), err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", nil, fmt.Errorf("make the cache folder: %w; name another with --cache", err)
	}
	sweep(cache)
	folder, err = os.MkdirTemp(cache, "work-")
	if err != nil {
		return "", nil, fmt.Errorf("make a scratch folder: %w; name another place with --cache", err)
	}
	lock, err := lockFolder(folder)
	if err != nil {
		return "", nil, fmt.Errorf("lock the scratch folder: %w; name another place with --cache", err)
	}
	return folder, func() { _ = os.RemoveAll(folder); _ = lock.Close() }, nil
}

// lockFolder locks a folder for this process, or fails at once.
func lockFolder(folder string) (*os.File, error) {
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

// sweep removes scratch folders whose command is gone. What cannot be removed now
// is the next command's.
func sweep(cache string) {
	folders, err := filepath.Glob(filepath.Join(cache, "work-*"))
	if err != nil {
		return
	}
	for _, folder := range folders {
		info, err := os.Stat(folder)
		if err != nil || time.Since(info.ModTime()) < staleAfter {
			continue
		}
		if lock, err := lockFolder(folder); err == nil {
			_ = os.RemoveAll(folder)
			_ = lock.Close()
		}
	}
}
