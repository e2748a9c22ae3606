// Package folder is a store in a folder of this machine.
//
// An object is written aside, synced, and given its name by link(2), which fails
// if the name is taken: the kernel decides who was first, across processes, and a
// process that is killed leaves its object whole or not at all. The folder must
// therefore lie in a file system with hard links. Symbolic links in it that
// point outside are not followed.
package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"slipway.dev/slipway/internal/store"
)

// Names of the driver's own folders; no key starts with a dot.
const (
	tempFolder = ".tmp"
	lockFolder = ".lock"
)

// Store is a store in a folder.
type Store struct {
	dir    string
	sweep  sync.Once
	synced sync.Map // folders whose own names would survive a power cut
}

var _ store.Store = (*Store)(nil)

// New returns the store in dir. The folder is created by the first write; until
// then the store is empty.
func New(dir string) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("open store %s: it is a file; name a folder", abs)
	}
	return &Store{dir: abs}, nil
}

// Open reads an object.
func (s *Store) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	file, err := s.open(ctx, key)
	if err != nil {
		return nil, s.explain("open", key, absent(err))
	}
	return &reader{File: file, ctxErr: ctx.Err}, nil
}

// reader is a file that ends with its context.
type reader struct {
	*os.File
	ctxErr func() error
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctxErr(); err != nil {
		return 0, err
	}
	return r.File.Read(p)
}

// Stat says how large an object is.
func (s *Store) Stat(ctx context.Context, key string) (store.Info, error) {
	file, err := s.open(ctx, key)
	if err != nil {
		return store.Info{}, s.explain("stat", key, absent(err))
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return store.Info{}, s.explain("stat", key, err)
	}
	return store.Info{Size: info.Size(), Modified: info.ModTime()}, nil
}

// URL is the object's file:// URL.
func (s *Store) URL(key string) string {
	return (&url.URL{Scheme: "file", Path: filepath.Join(s.dir, key)}).String()
}

// open opens the object itself; a folder is no object.
func (s *Store) open(ctx context.Context, key string) (*os.File, error) {
	if err := errors.Join(store.CheckKey(key), ctx.Err()); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	info, err := root.Stat(key)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	return root.Open(key)
}
