package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/disk/tree"
)

// unpacked is a layer's folder, which stays as long as its lock is open.
type unpacked struct {
	layer tree.Layer
	lock  *os.File
}

// Unpacked unpacks an image's layers, the lowest first. They stay until release is called.
func (c Cache) Unpacked(ctx context.Context, i *Image) (layers []tree.Layer, release func(), err error) {
	all, err := each(ctx, c, i, c.unpacked)
	locks := make([]*os.File, len(all))
	for n, u := range all {
		layers, locks[n] = append(layers, u.layer), u.lock
	}
	if err != nil {
		Close(locks)
		return nil, nil, err
	}
	return layers, func() { Close(locks) }, nil
}

// unpacked opens a layer that is here, or brings it. Another process may bring the same
// one meanwhile, or find it too old and remove it.
func (c Cache) unpacked(ctx context.Context, i *Image, n int) (unpacked, error) {
	path := filepath.Join(c.Folder, i.diffIDs[n].Hex)
	for range tries {
		u, err := c.open(path)
		if errors.Is(err, tree.ErrDamaged) {
			c.Say(fmt.Sprintf("layer %d of %d is unpacked anew: %v", n+1, len(i.layers), err))
			err = c.remove(path)
		}
		if u.lock == nil && (err == nil || errors.Is(err, os.ErrNotExist)) {
			u, err = c.make(ctx, i, n, path)
		}
		if err == nil && u.lock != nil {
			now := time.Now()
			return u, os.Chtimes(path, now, now) // for Prune
		}
		if err != nil && !errors.Is(err, os.ErrExist) {
			return unpacked{}, err
		}
	}
	return unpacked{}, fmt.Errorf("it was made %d times, and is gone again; is something else cleaning up %s?", tries, c.Folder)
}

// tries is how often a layer is made that others make at the same time, and remove before
// it can be locked.
const tries = 20

// open opens a layer that is here.
func (c Cache) open(path string) (unpacked, error) {
	lock, err := hold(path, unix.LOCK_SH)
	if err != nil {
		return unpacked{}, err
	}
	layer, err := tree.Open(path)
	if err != nil {
		return unpacked{}, errors.Join(err, lock.Close())
	}
	return unpacked{layer, lock}, nil
}

// hold locks the folder at a path, which may have been removed while the lock was waited for.
func hold(path string, how int) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(int(f.Fd()), how)
	}
	if err == nil {
		var have, now os.FileInfo
		if have, err = f.Stat(); err == nil {
			now, err = os.Stat(path)
		}
		if err == nil && !os.SameFile(have, now) {
			err = os.ErrNotExist
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// make brings a layer, and lets it appear whole and locked. If another process was faster,
// the error is os.ErrExist: its one is as good.
func (c Cache) make(ctx context.Context, i *Image, n int, path string) (unpacked, error) {
	work, err := os.MkdirTemp(c.Scratch, "layer-")
	if err != nil {
		return unpacked{}, err
	}
	defer func() { _ = os.RemoveAll(work) }()
	folder := filepath.Join(work, "layer")
	err = c.bring(ctx, i, n, func(content io.Reader) error {
		if err := errors.Join(os.RemoveAll(folder), os.Mkdir(folder, 0o700)); err != nil {
			return err
		}
		return tree.Unpack(ctx, content, folder)
	})
	if err != nil {
		return unpacked{}, err
	}
	lock, err := hold(folder, unix.LOCK_SH)
	if err != nil {
		return unpacked{}, err
	}
	err = os.Rename(folder, path)
	var layer tree.Layer
	if err == nil {
		layer, err = tree.Open(path)
	}
	if err != nil {
		return unpacked{}, errors.Join(err, lock.Close())
	}
	return unpacked{layer, lock}, nil
}

// remove takes a layer out of the cache at once, and then apart.
func (c Cache) remove(path string) error {
	work, err := os.MkdirTemp(c.Scratch, "old-")
	if err != nil {
		return err
	}
	if err := os.Rename(path, filepath.Join(work, "layer")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.RemoveAll(work)
}

// Prune removes the unpacked layers that were not used for the longest time, until the
// rest is within the bound. One that somebody reads stays.
func (c Cache) Prune() error {
	entries, err := os.ReadDir(c.Folder)
	if err != nil {
		return err
	}
	type layer struct {
		path  string
		used  time.Time
		bytes int64
	}
	var layers []layer
	var total int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.IsDir() {
			continue
		}
		path := filepath.Join(c.Folder, e.Name())
		layers = append(layers, layer{path, info.ModTime(), tree.Bytes(path)})
		total += layers[len(layers)-1].bytes
	}
	slices.SortFunc(layers, func(a, b layer) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.path, b.path)) })
	for _, l := range layers {
		if total <= c.Bound {
			return nil
		}
		lock, err := hold(l.path, unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := errors.Join(c.remove(l.path), lock.Close()); err != nil {
			return err
		}
		total -= l.bytes
	}
	return nil
}
