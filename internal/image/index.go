package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"slipway.dev/slipway/internal/contenthash"
	"slipway.dev/slipway/internal/git"
)

// entry is a path that git's index names.
type entry struct {
	path   string // below the checkout
	commit string // of a submodule; empty for all else
	sparse bool   // left out of this checkout on purpose
}

// index is what git tracks below the checkout, sorted by path. It says which files
// count; the work tree says what is in them.
type index struct {
	checkout string
	entries  []entry
	files    map[string]readFile // what was read so far, by path
	folders  map[string]bool     // whether a path is a real folder all the way down
}

type readFile struct {
	file contenthash.File
	ok   bool
	err  error
}

// readIndex asks git once for everything: a start of git costs more than all names.
func readIndex(ctx context.Context, checkout string) (*index, error) {
	out, err := git.Run(ctx, git.Command{Args: []string{"ls-files", "-z", "-t", "--stage"}, Dir: checkout})
	if err != nil {
		return nil, fmt.Errorf("list the tracked files of %s, which must be a git checkout: %w", checkout, err)
	}
	x := &index{checkout: checkout, files: map[string]readFile{}, folders: map[string]bool{}}
	for line := range strings.SplitSeq(out, "\x00") {
		if e, ok := parseEntry(line); ok {
			x.entries = append(x.entries, e)
		}
	}
	slices.SortFunc(x.entries, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	x.entries = slices.CompactFunc(x.entries, func(a, b entry) bool { return a.path == b.path }) // an unmerged path has three
	return x, nil
}

// parseEntry reads "H 100644 <object> <stage>\t<path>".
func parseEntry(line string) (entry, bool) {
	info, name, ok := strings.Cut(line, "\t")
	fields := strings.Fields(info)
	if !ok || len(fields) != 4 {
		return entry{}, false
	}
	e := entry{path: name, sparse: fields[0] == "S"}
	if fields[1] == "160000" {
		e.commit = fields[2]
	}
	return e, true
}

// below are the entries below a folder; "" is everything.
func (x *index) below(folder string) []entry {
	if folder == "" {
		return x.entries
	}
	from := sort.Search(len(x.entries), func(i int) bool { return x.entries[i].path >= folder+"/" })
	to := sort.Search(len(x.entries), func(i int) bool { return x.entries[i].path >= folder+"0" }) // '0' follows '/'
	return x.entries[from:to]
}

// find is the entry of a path.
func (x *index) find(name string) (entry, bool) {
	i, ok := slices.BinarySearchFunc(x.entries, name, func(e entry, name string) int { return strings.Compare(e.path, name) })
	if !ok {
		return entry{}, false
	}
	return x.entries[i], true
}

// read reads a tracked file, once. It says false of one that the work tree lacks.
func (x *index) read(e entry) (contenthash.File, bool, error) {
	have, ok := x.files[e.path]
	if !ok {
		have.file, have.ok, have.err = x.readAnew(e)
		x.files[e.path] = have
	}
	return have.file, have.ok, have.err
}

func (x *index) readAnew(e entry) (contenthash.File, bool, error) {
	if e.commit != "" {
		return contenthash.File{Path: e.path, Kind: contenthash.Gitlink, Digest: contenthash.DigestOf([]byte(e.commit))}, true, nil
	}
	var file contenthash.File
	ok := x.isFolder(path.Dir(e.path))
	if ok {
		var err error
		if file, ok, err = contenthash.Read(x.absolute(e.path)); err != nil {
			return file, false, fmt.Errorf("read %s: %w", e.path, errors.Unwrap(err))
		}
	}
	if !ok && e.sparse {
		return file, false, fmt.Errorf("%s is not in this sparse checkout; run: git sparse-checkout add %s", e.path, path.Dir(e.path))
	}
	file.Path = e.path
	return file, ok, nil
}

// source reads a regular file and its bytes, so that what is parsed is what counts.
func (x *index) source(name string) ([]byte, error) {
	info, err := os.Lstat(x.absolute(name))
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("%s is a symlink, whose target the tag would not cover; put the file itself there", name)
	}
	file, data, err := contenthash.ReadContent(x.absolute(name))
	file.Path = name
	x.files[name] = readFile{file, err == nil, err}
	return data, err
}

// isFolder says whether a path is a folder that no symlink leads to: what lies
// behind a symlink is not what git tracks.
func (x *index) isFolder(name string) bool {
	if name == "." {
		return true
	}
	is, known := x.folders[name]
	if !known {
		info, err := os.Lstat(x.absolute(name))
		is = err == nil && info.IsDir() && x.isFolder(path.Dir(name))
		x.folders[name] = is
	}
	return is
}

// relative is what absolute makes a path of.
func (x *index) relative(name string) string {
	return filepath.ToSlash(strings.TrimPrefix(strings.TrimPrefix(name, x.checkout), string(filepath.Separator)))
}

func (x *index) absolute(name string) string {
	return filepath.Join(x.checkout, filepath.FromSlash(name))
}

// FindCheckout is the top of the git checkout that a folder lies in.
func FindCheckout(folder string) (string, error) {
	whole, err := filepath.Abs(folder)
	if err != nil {
		return "", fmt.Errorf("find the git checkout of %s: %w", folder, err)
	}
	for dir := whole; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not in a git checkout; images are named by what git tracks", whole)
		}
	}
}
