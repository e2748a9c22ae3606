package folder

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"slipway.dev/slipway/internal/store"
)

// staleAfter is how long nobody wrote to a temporary file whose writer is dead.
const staleAfter = 24 * time.Hour

// Create stores body under key, unless the key is taken.
func (s *Store) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	taken, err := s.create(ctx, key, body)
	if err != nil {
		return s.explain("create", key, err)
	}
	if taken {
		return store.Settle(ctx, s, key, body)
	}
	return nil
}

func (s *Store) create(ctx context.Context, key string, body io.ReadSeeker) (taken bool, err error) {
	if err := store.CheckKey(key); err != nil {
		return false, err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	root, err := s.writable()
	if err != nil {
		return false, err
	}
	defer func() { _ = root.Close() }()
	temp, err := writeTemp(ctx, root, body, 0o444) // nobody edits an object by mistake
	if err != nil {
		return false, err
	}
	defer func() { _ = root.Remove(temp) }()
	err = s.publish(root, key, func() error { return root.Link(temp, key) })
	if errors.Is(err, fs.ErrExist) {
		return true, s.syncParents(root, key) // the winner may not have come that far
	}
	return false, err
}

// publish makes the folders that key needs, gives a file its final name by
// rename or link, and returns when that would survive a power cut.
func (s *Store) publish(root *os.Root, key string, name func() error) error {
	err := name()
	if errors.Is(err, fs.ErrNotExist) {
		if err := root.MkdirAll(path.Dir(key), 0o755); err != nil {
			return err
		}
		err = name()
	}
	if err != nil {
		return err
	}
	return s.syncParents(root, key)
}

// syncParents syncs each folder from key's up to the store's: any of them may be new.
// Above one that this process saw through before, none is.
func (s *Store) syncParents(root *os.Root, key string) error {
	for dir := path.Dir(key); ; dir = path.Dir(dir) {
		if err := syncFolder(root, dir); err != nil {
			return err
		}
		if _, known := s.synced.Load(dir); known || dir == "." {
			break
		}
	}
	for dir := path.Dir(key); dir != "."; dir = path.Dir(dir) {
		if _, known := s.synced.LoadOrStore(dir, true); known {
			break
		}
	}
	return nil
}

func syncFolder(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// writable opens the store's folder for a write, and makes it if need be.
func (s *Store) writable() (*os.Root, error) {
	temps := filepath.Join(s.dir, tempFolder)
	if _, err := os.Stat(temps); err != nil {
		if err := os.MkdirAll(temps, 0o755); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, err
	}
	s.sweep.Do(func() { sweepTemps(root, time.Now()) })
	return root, nil
}

// writeTemp copies body into a new temporary file, syncs it, and returns its
// name. It leaves nothing behind when it fails.
func writeTemp(ctx context.Context, root *os.Root, body io.Reader, mode fs.FileMode) (string, error) {
	name := path.Join(tempFolder, rand.Text())
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(file, &interruptible{body, ctx.Err})
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = root.Remove(name)
		return "", err
	}
	return name, nil
}

// interruptible is a reader that ends with its context.
type interruptible struct {
	io.Reader
	ctxErr func() error
}

func (r *interruptible) Read(p []byte) (int, error) {
	if err := r.ctxErr(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// sweepTemps removes what writers that were killed left behind. A temporary file
// that cannot be removed does no harm but to take up space, so errors are left be.
func sweepTemps(root *os.Root, now time.Time) {
	entries, err := fs.ReadDir(root.FS(), tempFolder)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && now.Sub(info.ModTime()) > staleAfter {
			_ = root.Remove(path.Join(tempFolder, entry.Name()))
		}
	}
}
