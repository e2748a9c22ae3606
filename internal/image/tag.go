package image

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/contenthash"
)

// format says what a tag covers and how. It changes when that does, or when the
// builder makes another image of the same content.
const format = "slipway image 1"

// Tag is the name of an image's content: 64 hexadecimal digits over its tracked
// files, its parents' tags, the build arguments, and the sources of the program
// that is compiled into it.
func (t *Tree) Tag(name string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name, err := t.lookUp(name)
	if err != nil {
		return "", err
	}
	order, err := t.order([]string{name})
	if err != nil {
		return "", err
	}
	for _, n := range order {
		if err := t.tag(n); err != nil {
			return "", err
		}
	}
	return t.tags[name], nil
}

// tag makes the tag of an image whose parents have theirs.
func (t *Tree) tag(n *node) error {
	name := n.image.Name
	if t.tags[name] != "" {
		return nil
	}
	files, err := t.files(name)
	if err != nil {
		return err
	}
	sum := contenthash.New(format)
	sum.Files("folder", files)
	for _, parent := range n.image.Parents {
		sum.Add("parent", parent, t.tags[parent])
	}
	for _, key := range slices.Sorted(maps.Keys(t.config.Arguments)) {
		sum.Add("argument", key, t.config.Arguments[key])
	}
	if n.image.Program != "" {
		program, err := t.compiled(n)
		if err != nil {
			return err
		}
		sum.Add("program", program.Package)
		sum.Files("sources", program.Sources)
	}
	t.tags[name] = sum.String()
	return nil
}

// Order are the named images and all that they stand on, each once, parents first.
func (t *Tree) Order(names []string) ([]Image, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	whole := make([]string, len(names))
	for i, name := range names {
		var err error
		if whole[i], err = t.lookUp(name); err != nil {
			return nil, err
		}
	}
	nodes, err := t.order(whole)
	images := make([]Image, len(nodes))
	for i, n := range nodes {
		images[i] = n.image
	}
	return images, err
}

func (t *Tree) order(names []string) ([]*node, error) {
	w := &walk{tree: t, done: map[string]bool{}}
	for _, name := range names {
		if err := w.visit(name); err != nil {
			return nil, err
		}
	}
	return w.order, nil
}

// walk visits images after their parents.
type walk struct {
	tree  *Tree
	path  []string // from the image that was asked for to the present one
	done  map[string]bool
	order []*node
}

func (w *walk) visit(name string) error {
	if i := slices.Index(w.path, name); i >= 0 {
		return w.cycle(append(slices.Clone(w.path[i:]), name))
	}
	if w.done[name] {
		return nil
	}
	n := w.tree.node(name)
	if n.err != nil {
		return n.err
	}
	w.path = append(w.path, name)
	for _, parent := range n.image.Parents {
		if _, ok := w.tree.entries[parent]; !ok {
			return fmt.Errorf("image %s: %s: %w", name, n.parents[parent], w.tree.unknown(parent))
		}
		if err := w.visit(parent); err != nil {
			return err
		}
	}
	w.path = w.path[:len(w.path)-1]
	w.done[name] = true
	w.order = append(w.order, n)
	return nil
}

// cycleError is images that stand on each other.
type cycleError struct {
	names []string // the first is also the last
	at    []place  // where each names the next
}

func (e *cycleError) Error() string { return e.chain() + "; " + e.cure() }

func (e *cycleError) chain() string { return "cyclic FROM: " + strings.Join(e.names, " → ") }

func (e *cycleError) cure() string {
	places := make([]string, len(e.at))
	for i, at := range e.at {
		places[i] = at.String()
	}
	return "take out one of " + strings.Join(places, ", ")
}

func (w *walk) cycle(names []string) error {
	e := &cycleError{names: names}
	for i, name := range names[:len(names)-1] {
		e.at = append(e.at, w.tree.node(name).parents[names[i+1]])
	}
	return e
}
