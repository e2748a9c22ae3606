package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/store"
)

// absent turns the ways in which a file is not there into store.ErrNotFound.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return store.ErrNotFound
	}
	return err
}

// explain says what was done to which key of which folder, and the cure.
func (s *Store) explain(verb, key string, err error) error {
	if err == nil {
		return nil
	}
	if cure := s.cure(err); cure != "" {
		return fmt.Errorf("%s %s in store %s: %w: %s", verb, key, s.dir, err, cure)
	}
	return fmt.Errorf("%s %s in store %s: %w", verb, key, s.dir, err)
}

func (s *Store) cure(err error) string {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Sprintf("free space on the disk mounted at %s, or choose a store elsewhere", mountPoint(s.dir))
	case errors.Is(err, unix.EROFS):
		return fmt.Sprintf("the disk mounted at %s is read-only; mount it read-write, or choose a store elsewhere", mountPoint(s.dir))
	case errors.Is(err, unix.ENOTDIR):
		return "a file stands where a folder must; choose another folder as the store"
	case noLinks(err):
		return "a store needs a file system with hard links; choose a folder on one"
	case errors.Is(err, fs.ErrPermission):
		return "this user may not do that; change the folder's owner or mode, or choose a store elsewhere"
	}
	return ""
}

// noLinks says whether the file system has no hard links; link(2) then fails
// with EPERM, or with ENOTSUP on some network file systems.
func noLinks(err error) bool {
	var link *os.LinkError
	return errors.As(err, &link) && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTSUP))
}

// mountPoint is the highest folder above dir on the same disk.
func mountPoint(dir string) string {
	disk := deviceOf(dir)
	for dir != "/" && deviceOf(filepath.Dir(dir)) == disk {
		dir = filepath.Dir(dir)
	}
	return dir
}

// deviceOf is the device number of the disk that holds dir; of a folder that does
// not exist, that of the folder in which it would be made.
func deviceOf(dir string) uint64 {
	var stat unix.Stat_t
	for unix.Stat(dir, &stat) != nil && dir != "/" {
		dir = filepath.Dir(dir)
	}
	return stat.Dev
}
