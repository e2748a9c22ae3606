package image

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// UnknownError is a name that no image of the tree has.
type UnknownError struct {
	Name string
	Hint string // what could have been meant
}

func (e *UnknownError) Error() string { return fmt.Sprintf("there is no image %q; %s", e.Name, e.Hint) }

// unknown says that there is no such image, and what could have been meant.
func (t *Tree) unknown(name string) error { return &UnknownError{name, t.hint(name)} }

func (t *Tree) hint(name string) string {
	folder := cmp.Or(t.config.Folder, t.config.Checkout)
	if name == "" || !filepath.IsLocal(name) {
		return "an image's name is its folder's path below " + folder
	}
	dockerfile := path.Join(t.folderOf(name), "Dockerfile")
	below := slices.DeleteFunc(t.names(), func(candidate string) bool { return !isBelow(candidate, name) })
	near := t.nearest(name)
	_, untracked := os.Lstat(t.index.absolute(dockerfile))
	switch {
	case untracked == nil:
		return "git does not track its Dockerfile yet; run: git add " + path.Dir(dockerfile)
	case len(below) > 0:
		return "name one of the images below it: " + some(below)
	case len(near) > 0:
		return "did you mean " + strings.Join(near, " or ") + "?"
	case len(t.entries) == 0:
		return "git tracks no Dockerfile below " + folder
	}
	return "the images are " + some(t.names())
}

// some are the first names, for a message.
func some(names []string) string {
	if more := len(names) - 10; more > 0 {
		names = append(names[:10:10], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// nearest are up to three names, of images or of folders of them, that could be
// typed in place of this one.
func (t *Tree) nearest(name string) []string {
	distance := func(candidate string) int {
		whole := levenshtein.Distance(flat(name), flat(candidate), nil)
		return min(whole, levenshtein.Distance(name, path.Base(candidate), nil))
	}
	var near []string
	for _, candidate := range t.names() {
		for ; candidate != ""; candidate = parentFolder(candidate) {
			if distance(candidate) <= 1+len(name)/3 && !slices.Contains(near, candidate) {
				near = append(near, candidate)
			}
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return distance(a) - distance(b) })
	return near[:min(3, len(near))]
}
