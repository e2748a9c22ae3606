package folder

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/store"
)

// List yields the keys that start with prefix.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := s.list(ctx, prefix, yield); err != nil {
			yield("", s.explain("list", prefix, err))
		}
	}
}

// errEnough is a caller who wants no more keys.
var errEnough = errors.New("enough")

func (s *Store) list(ctx context.Context, prefix string, yield func(string, error) bool) error {
	if err := store.CheckPrefix(prefix); err != nil {
		return err
	}
	root, err := os.OpenRoot(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was written yet
	}
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	w := walk{files: root.FS(), prefix: prefix, ctxErr: ctx.Err, yield: func(key string) bool { return yield(key, nil) }}
	if err := w.folder(startOf(prefix)); err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return nil
}

// startOf is the folder that holds all keys with a prefix.
func startOf(prefix string) string {
	if i := strings.LastIndexByte(prefix, '/'); i > 0 {
		return prefix[:i]
	}
	return "."
}

type walk struct {
	files  fs.FS
	prefix string
	ctxErr func() error
	yield  func(key string) bool
}

// folder visits one folder and those below it. One that is not there, or not any
// more, holds no keys.
func (w walk) folder(dir string) error {
	if err := w.ctxErr(); err != nil {
		return err
	}
	entries, err := fs.ReadDir(w.files, dir)
	if errors.Is(absent(err), store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(sortName(a), sortName(b)) })
	for _, entry := range entries {
		if err := w.entry(dir, entry); err != nil {
			return err
		}
	}
	return nil
}

// sortName makes a folder sort where its keys do: a/x comes after a-b.
func sortName(entry fs.DirEntry) string {
	if entry.IsDir() {
		return entry.Name() + "/"
	}
	return entry.Name()
}

func (w walk) entry(dir string, entry fs.DirEntry) error {
	if dir == "." && strings.HasPrefix(entry.Name(), ".") {
		return nil
	}
	key := path.Join(dir, entry.Name())
	switch {
	case entry.IsDir():
		if strings.HasPrefix(key+"/", w.prefix) || strings.HasPrefix(w.prefix, key+"/") {
			return w.folder(key)
		}
	case entry.Type().IsRegular() && strings.HasPrefix(key, w.prefix):
		if !w.yield(key) {
			return errEnough
		}
	}
	return nil
}
