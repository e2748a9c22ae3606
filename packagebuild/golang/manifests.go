package golang

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// manifests are the files of a tree that decide what is fetched, by path
// relative to the tree's root.
type manifests map[string][]byte

var manifestNames = []string{"go.mod", "go.sum", "go.work", "go.work.sum"}

// readManifests reads all of them, also those in folders that Find passes over:
// a replace may point there.
func readManifests(root string) (manifests, error) {
	files := manifests{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".git":
			return filepath.SkipDir
		case !entry.Type().IsRegular() || !slices.Contains(manifestNames, entry.Name()):
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		files[rel], err = os.ReadFile(path)
		return err
	})
	return files, err
}

func (files manifests) write(dir string) error {
	for rel, data := range files {
		path := filepath.Join(dir, rel)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// sum names the set of files by what is in them.
func (files manifests) sum() string {
	hash := sha256.New()
	for _, rel := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(hash, "%q %d\n%s", rel, len(files[rel]), files[rel])
	}
	return fmt.Sprintf("%x", hash.Sum(nil))
}

// stamp is a file that remembers which folders of the module cache a set of
// manifests needs. It lies inside the module cache, so that wiping the cache
// wipes the stamps.
type stamp struct{ modCache, path string }

func (f fetcher) stampFor(goVersion string, files manifests) stamp {
	name := fmt.Sprintf("%s-%s-1", files.sum(), goVersion)
	return stamp{f.modCache, filepath.Join(f.modCache, "cache", "slipway", name)}
}

// fresh says whether the stamp is there and so is every folder that it names.
func (s stamp) fresh() bool {
	data, err := os.ReadFile(s.path)
	if err != nil {
		return false
	}
	var dirs []string
	if json.Unmarshal(data, &dirs) != nil {
		return false
	}
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(s.modCache, dir)); err != nil {
			return false
		}
	}
	return true
}

// write remembers dirs. A stamp appears whole or not at all.
func (s stamp) write(dirs []string) error {
	relative := make([]string, len(dirs))
	for i, dir := range dirs {
		rel, err := filepath.Rel(s.modCache, dir)
		if err != nil {
			return fmt.Errorf("remember the fetched modules: %w", err)
		}
		relative[i] = rel
	}
	slices.Sort(relative)
	if err := replaceFile(s.path, slices.Compact(relative)); err != nil {
		return fmt.Errorf("remember the fetched modules: %w", err)
	}
	return nil
}

func replaceFile(path string, content any) error {
	data, err := json.Marshal(content)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	aside, err := os.CreateTemp(filepath.Dir(path), "aside-")
	if err != nil {
		return err
	}
	defer os.Remove(aside.Name())
	_, err = aside.Write(data)
	if closeErr := aside.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(aside.Name(), path)
}
