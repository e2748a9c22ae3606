// Package scratch makes folders that last as long as the process that made them.
//
// A folder is locked while its process lives. What a killed process left is swept by
// the next one that makes a folder in the same place.
package scratch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"slipway.dev/slipway/internal/filelock"
)

// Unlocked is how old a folder is at least when it is taken for one whose process was
// killed: a younger one may not be locked yet.
const Unlocked = time.Minute

// Place is where folders are made: Parent, which is made if it is not there.
type Place struct {
	Parent string
	Prefix string                    // of the folders' names; what has it belongs to this package
	Clean  func(folder string) error // lets go of what a killed process's folder names; nil is nothing
}

// Make makes a folder. remove removes it and all that it holds.
func (p Place) Make() (folder string, remove func(), err error) {
	if err := os.MkdirAll(p.Parent, 0o755); err != nil {
		return "", nil, fmt.Errorf("make the cache folder: %w; name another with --cache", err)
	}
	p.sweep()
	folder, err = os.MkdirTemp(p.Parent, p.Prefix)
	if err != nil {
		return "", nil, fmt.Errorf("make a scratch folder: %w; name another place with --cache", err)
	}
	lock, err := filelock.Try(folder)
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("lock the scratch folder: %w; name another place with --cache", err), os.RemoveAll(folder))
	}
	return folder, func() { _ = os.RemoveAll(folder); _ = lock.Close() }, nil
}

// sweep removes the folders of processes that are gone. What cannot be removed now is
// left to the next one.
func (p Place) sweep() {
	folders, err := filepath.Glob(filepath.Join(p.Parent, p.Prefix+"*"))
	if err != nil {
		return
	}
	for _, folder := range folders {
		info, err := os.Stat(folder)
		if err != nil || time.Since(info.ModTime()) < Unlocked {
			continue
		}
		lock, err := filelock.Try(folder)
		if err != nil {
			continue
		}
		if p.Clean == nil || p.Clean(folder) == nil {
			_ = os.RemoveAll(folder)
		}
		_ = lock.Close()
	}
}
