package checks

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/git"
)

// Files lists the regular files of a checkout, relative to it and sorted: what git
// tracks, or would after `git add`. Where there is no git it is every file, which is
// the same in a fresh clone. Links are left out, since what they point at is listed
// or is none of the checkout's.
func Files(ctx context.Context, root string) ([]string, error) {
	list := walk
	if _, err := exec.LookPath("git"); err == nil && inGit(root) {
		list = func(root string) ([]string, error) { return tracked(ctx, root) }
	}
	files, err := list(root)
	if err != nil {
		return nil, fmt.Errorf("list the files of %s: %w", root, err)
	}
	regular := func(file string) bool {
		info, err := os.Lstat(filepath.Join(root, file))
		return err == nil && info.Mode().IsRegular()
	}
	files = slices.DeleteFunc(files, func(file string) bool { return !regular(file) })
	slices.Sort(files)
	return slices.Compact(files), nil
}

// inGit says whether root or a folder above it is git's.
func inGit(root string) bool {
	for dir := root; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

// tracked asks git. With -t each name follows a letter and a space, so that a name
// which begins with a space survives.
func tracked(ctx context.Context, root string) ([]string, error) {
	out, err := git.Run(ctx, git.Command{
		Args: []string{"ls-files", "-t", "-z", "--cached", "--others", "--exclude-standard"}, Dir: root,
	})
	if err != nil {
		return nil, err
	}
	var files []string
	for entry := range strings.SplitSeq(out, "\x00") {
		if len(entry) > 2 {
			files = append(files, entry[2:])
		}
	}
	return files, nil
}

func walk(root string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == ".git" {
			return skip(entry)
		}
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		files = append(files, filepath.ToSlash(name))
		return err
	})
	return files, err
}

// skip leaves out git's own folder, or the file that says where it is.
func skip(entry fs.DirEntry) error {
	if entry.IsDir() {
		return filepath.SkipDir
	}
	return nil
}

// In says whether one of the folders of file's path has one of the names.
func In(file string, names ...string) bool {
	folders := strings.Split(file, "/")
	return slices.ContainsFunc(folders[:len(folders)-1], func(f string) bool { return slices.Contains(names, f) })
}

// Batches cuts names into groups that fit on a command line.
func Batches(names []string) [][]string { return slices.Collect(slices.Chunk(names, 500)) }
