package image

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// unknown says that there is no such image, and what could have been meant.
func (t *Tree) unknown(name string) error {
	if !safe(name) {
		return fmt.Errorf("there is no image %q; an image's name is its folder's path below %s", name, t.config.Folder)
	}
	dockerfile := path.Join(t.folderOf(name), "Dockerfile")
	if _, err := os.Stat(t.index.absolute(dockerfile)); err == nil {
		return fmt.Errorf("there is no image %q yet: git does not track %s; run: git add %s", name, dockerfile, path.Dir(dockerfile))
	}
	if near := t.nearest(name); len(near) > 0 {
		return fmt.Errorf("there is no image %q; did you mean %s?", name, strings.Join(near, " or "))
	}
	if len(t.entries) == 0 {
		return fmt.Errorf("there is no image %q: git tracks no Dockerfile below %s", name, path.Join(t.config.Checkout, t.config.Folder))
	}
	return fmt.Errorf("there is no image %q; the images are %s", name, strings.Join(t.some(), ", "))
}

func safe(name string) bool {
	return name != "" && path.IsAbs("/"+name) && !strings.Contains(name, "..")
}

// some are the first names, for a message.
func (t *Tree) some() []string {
	names := t.names()
	if len(names) > 10 {
		names = append(names[:10:10], fmt.Sprintf("and %d more", len(names)-10))
	}
	return names
}

// nearest are up to three names that could be typed in place of this one.
func (t *Tree) nearest(name string) []string {
	distance := func(candidate string) int {
		whole := levenshtein.Distance(flat(name), flat(candidate), nil)
		return min(whole, levenshtein.Distance(name, path.Base(candidate), nil))
	}
	near := slices.DeleteFunc(t.names(), func(candidate string) bool { return distance(candidate) > 1+len(name)/3 })
	slices.SortStableFunc(near, func(a, b string) int { return distance(a) - distance(b) })
	return near[:min(3, len(near))]
}
