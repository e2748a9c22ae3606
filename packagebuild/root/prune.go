package root

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"slipway.dev/slipway/internal/filelock"
)

// Prune removes the layers that nobody uses and nobody used for that long, and
// what killed processes left. It returns the names of the layers that it removed.
func (m *Manager) Prune(olderThan time.Duration) ([]string, error) {
	if err := m.prepare(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(m.folder(layersFolder))
	if err != nil {
		return nil, fmt.Errorf("prune clean roots: %w", err)
	}
	var removed []string
	var errs []error
	for _, entry := range entries {
		gone, err := m.pruneLayer(entry.Name(), olderThan)
		if gone {
			removed = append(removed, entry.Name())
		}
		errs = append(errs, err)
	}
	errs = append(errs, m.sweep(olderThan))
	return removed, errors.Join(errs...)
}

// pruneLayer removes a layer by name first, so that nobody finds half of one.
func (m *Manager) pruneLayer(name string, olderThan time.Duration) (bool, error) {
	dir := filepath.Join(m.folder(layersFolder), name)
	f, err := filelock.Try(filepath.Join(dir, lockFile))
	if errors.Is(err, filelock.ErrHeld) {
		return false, nil // in use
	}
	if err != nil {
		return false, fmt.Errorf("prune layer: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || time.Since(info.ModTime()) < olderThan {
		return false, err
	}
	doomed := filepath.Join(m.folder(makingFolder), "pruned-"+name)
	if err := os.Rename(dir, doomed); err != nil {
		return false, fmt.Errorf("prune layer: %w", err)
	}
	return true, os.RemoveAll(doomed)
}

// sweep removes what nobody has touched for a day, at least, where things are
// made: their makers were killed.
func (m *Manager) sweep(olderThan time.Duration) error {
	var errs []error
	for _, folder := range []string{makingFolder, scratchFolder} {
		paths, err := filepath.Glob(filepath.Join(m.folder(folder), "*"))
		errs = append(errs, err)
		for _, path := range paths {
			info, err := os.Stat(path)
			if errors.Is(err, fs.ErrNotExist) || err == nil && time.Since(info.ModTime()) < max(olderThan, 24*time.Hour) {
				continue
			}
			errs = append(errs, os.RemoveAll(path))
		}
	}
	return errors.Join(errs...)
}
