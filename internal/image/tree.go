package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"slipway.dev/slipway/internal/contenthash"
)

// Tree is the images of one checkout, as they were when each was first looked at.
// It may be used by several goroutines at once.
type Tree struct {
	config Config

	mu      sync.Mutex // guards all below
	index   *index
	entries map[string][]entry // of each image, without those of images below it
	nodes   map[string]*node
	tags    map[string]string
	modules map[string]*module
}

// Open finds the images of a tree. Their files are read when they are asked for.
func Open(ctx context.Context, config Config) (*Tree, error) {
	config.Folder = path.Clean(filepath.ToSlash(cmp.Or(config.Folder, "images")))
	config.Canonical = strings.TrimSuffix(cmp.Or(config.Canonical, Canonical), "/")
	if !filepath.IsLocal(config.Folder) {
		return nil, fmt.Errorf("the images' folder %s is not below the checkout; name it from there", config.Folder)
	}
	if config.Folder == "." {
		config.Folder = ""
	}
	checkout, err := filepath.Abs(config.Checkout)
	if err != nil {
		return nil, fmt.Errorf("find the checkout: %w", err)
	}
	config.Checkout = checkout
	index, err := readIndex(ctx, config.Checkout)
	if err != nil {
		return nil, err
	}
	t := &Tree{
		config: config, index: index, entries: map[string][]entry{}, nodes: map[string]*node{},
		tags: map[string]string{}, modules: map[string]*module{},
	}
	t.findImages()
	return t, nil
}

// findImages makes every folder with a tracked Dockerfile an image, and gives each
// file to the innermost one.
func (t *Tree) findImages() {
	all := t.index.below(t.config.Folder)
	for _, e := range all {
		name := t.nameOf(path.Dir(e.path))
		if _, ok := variant(path.Base(e.path)); ok && name != "" && t.exists(e) {
			t.entries[name] = nil
		}
	}
	for _, e := range all {
		for name := t.nameOf(path.Dir(e.path)); name != ""; name = parentFolder(name) {
			if _, ok := t.entries[name]; ok {
				t.entries[name] = append(t.entries[name], e)
				break
			}
		}
	}
}

// exists says whether a tracked file is in the work tree, or left out of it by a
// sparse checkout only.
func (t *Tree) exists(e entry) bool {
	_, err := os.Lstat(t.index.absolute(e.path))
	return e.sparse || err == nil && t.index.isFolder(path.Dir(e.path))
}

// nameOf is the name of the image in a folder of the tree; of the tree itself it is
// empty.
func (t *Tree) nameOf(folder string) string {
	if folder == t.config.Folder || folder == "." {
		return ""
	}
	return strings.TrimPrefix(folder, t.config.Folder+"/")
}

func (t *Tree) folderOf(name string) string { return path.Join(t.config.Folder, name) }

func parentFolder(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return ""
}

// Canonical is what the tree's images are called in Dockerfiles: Canonical/NAME.
func (t *Tree) Canonical() string { return t.config.Canonical }

// Checkout is the folder of the git checkout.
func (t *Tree) Checkout() string { return t.config.Checkout }

// Images are all images, sorted by name. One whose Dockerfile is bad has no parents
// here; whoever asks for its tag is told.
func (t *Tree) Images() []Image {
	t.mu.Lock()
	defer t.mu.Unlock()
	images := []Image{}
	for _, name := range t.names() {
		images = append(images, t.node(name).image)
	}
	return images
}

func (t *Tree) names() []string { return slices.Sorted(maps.Keys(t.entries)) }

// Find is the image of a name, in which "_" may stand for "/".
func (t *Tree) Find(name string) (Image, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	found, err := t.lookUp(name)
	if err != nil {
		return Image{}, err
	}
	n := t.node(found)
	return n.image, n.err
}

// Match are the images of a name: that of the name itself, and those below a folder
// of that name. "_" may stand for "/".
func (t *Tree) Match(name string) ([]Image, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var images []Image
	var errs []error
	exact, err := t.lookUp(name)
	for _, candidate := range t.names() {
		if err == nil && candidate == exact || isBelow(candidate, name) {
			n := t.node(candidate)
			images, errs = append(images, n.image), append(errs, n.err)
		}
	}
	if len(images) == 0 {
		return nil, err
	}
	return images, errors.Join(errs...)
}

// isBelow says whether a folder above the image is called name, however its "/" are
// written.
func isBelow(image, name string) bool {
	for folder := parentFolder(image); folder != ""; folder = parentFolder(folder) {
		if flat(folder) == flat(name) {
			return true
		}
	}
	return false
}

// flat is a name as make targets write it.
func flat(name string) string { return strings.ReplaceAll(strings.Trim(name, "/"), "/", "_") }

// lookUp is the whole name of an image.
func (t *Tree) lookUp(name string) (string, error) {
	if _, ok := t.entries[name]; ok {
		return name, nil
	}
	var found []string
	for _, candidate := range t.names() {
		if flat(candidate) == flat(name) {
			found = append(found, candidate)
		}
	}
	switch len(found) {
	case 0:
		return "", t.unknown(name)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%s may be any of the images %s; write its slashes", name, strings.Join(found, ", "))
}

// Files are the tracked files of an image that the work tree has, sorted, with
// paths from its folder.
func (t *Tree) Files(name string) ([]contenthash.File, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name, err := t.lookUp(name)
	if err != nil {
		return nil, err
	}
	return t.files(name)
}

func (t *Tree) files(name string) ([]contenthash.File, error) {
	var files []contenthash.File
	for _, e := range t.entries[name] {
		file, ok, err := t.index.read(e)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", name, err)
		}
		if ok {
			file.Path = strings.TrimPrefix(file.Path, t.folderOf(name)+"/")
			files = append(files, file)
		}
	}
	return files, nil
}
