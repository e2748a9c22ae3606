package goo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"slipway.dev/slipway/packagebuild"
)

// tree reads the files of a source tree. Names are slash-separated and below
// base. No name leads out of the repository, not even through a link that the
// code under build made.
type tree struct {
	root *os.Root
	base string // the folder that holds packaging/, in the repository
}

// openSource opens the tree of a source on this machine.
func openSource(source packagebuild.Source) (*tree, error) {
	root, err := os.OpenRoot(source.Dir)
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	return &tree{root: root, base: cleanBase(source.BuildDir)}, nil
}

// openBuilt opens the tree of a source where Stage put it. The code under build
// may have made a link of the very folder, so that is not followed out of dir either.
func openBuilt(source packagebuild.Source, dir string) (*tree, error) {
	outer, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open built tree: %w", err)
	}
	defer outer.Close()
	root, err := outer.OpenRoot(sourceName)
	if err != nil {
		return nil, fmt.Errorf("open built tree: %w", err)
	}
	return &tree{root: root, base: cleanBase(source.BuildDir)}, nil
}

// cleanBase is a build folder as a path below the repository.
func cleanBase(base string) string {
	return path.Join(".", path.Clean("/" + base)[1:])
}

func (t *tree) Close() error { return t.root.Close() }

// stat describes the file that name is or links to.
func (t *tree) stat(name string) (fs.FileInfo, error) {
	return t.root.Stat(path.Join(t.base, name))
}

// open opens a regular file. It does not wait for the writer of a named pipe.
func (t *tree) open(name string) (*os.File, fs.FileInfo, error) {
	info, err := t.stat(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is %s, not a file", name, kind(info.Mode()))
	}
	file, err := t.root.OpenFile(path.Join(t.base, name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	return file, info, nil
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "something special"
}

// names lists a folder in the order of names.
func (t *tree) names(folder string) ([]fs.DirEntry, error) {
	dir, err := t.root.Open(path.Join(t.base, folder))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// maxWalked bounds a walk, which links between folders could make endless.
const maxWalked = 1 << 20 // files and folders

// walk lists all below folder that is no folder. It follows links to folders
// in the repository, but not back to a folder that it is in.
func (t *tree) walk(folder string) ([]string, error) {
	info, err := t.stat(folder)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder", folder)
	}
	w := walker{tree: t}
	err = w.walk(folder, []fs.FileInfo{info})
	return w.files, err
}

type walker struct {
	tree  *tree
	files []string
	seen  int // files and folders
}

// walk lists folder; above are the folders that lead to it, and itself.
func (w *walker) walk(folder string, above []fs.FileInfo) error {
	entries, err := w.tree.names(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if w.seen++; w.seen > maxWalked {
			return fmt.Errorf("%s holds over %d files; name a smaller folder in the sources", folder, maxWalked)
		}
		name := path.Join(folder, e.Name())
		next := w.folder(name, e, above)
		if next == nil {
			w.files = append(w.files, name)
			continue
		}
		if err := w.walk(name, append(above[:len(above):len(above)], next)); err != nil {
			return err
		}
	}
	return nil
}

// folder describes an entry that is to be walked, and is nil for all others. A
// link that leads nowhere is an entry like a file: an error only if it is wanted.
func (w *walker) folder(name string, e fs.DirEntry, above []fs.FileInfo) fs.FileInfo {
	if e.Type().IsRegular() {
		return nil
	}
	info, err := w.tree.stat(name)
	if err != nil || !info.IsDir() {
		return nil
	}
	if slices.ContainsFunc(above, func(a fs.FileInfo) bool { return os.SameFile(a, info) }) {
		return nil
	}
	return info
}

func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
