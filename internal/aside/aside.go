// Package aside writes files that appear whole or not at all.
//
// The bytes go to a hidden file in the same folder, which then gets its name by
// link(2): a name that is taken already is an error, and nothing is overwritten.
package aside

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Create makes path with what write writes. The error is fs.ErrExist if there is
// such a file already.
func Create(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".slipway-*")
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	err = errors.Join(write(f), f.Chmod(0o644), f.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Link(f.Name(), path); err != nil {
		return fmt.Errorf("create %s: %w", path, errors.Unwrap(err))
	}
	return nil
}
