package image

import "fmt"

// Reference is a place where a Dockerfile names an image of its own tree.
type Reference struct {
	Line    int    // first line of the instruction
	Written string // as the Dockerfile has it
	Parent  string // name of the image that it means
}

// References are the places where an image's Dockerfile for an architecture names
// images of the tree, in its order. A builder puts tags there.
func (t *Tree) References(name, arch string) ([]Reference, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name, err := t.lookUp(name)
	if err != nil {
		return nil, err
	}
	n := t.node(name)
	if n.err != nil {
		return nil, n.err
	}
	for _, d := range n.read {
		if d.arch == arch {
			return t.references(d), nil
		}
	}
	return nil, fmt.Errorf("image %s is not built for %s", name, arch)
}

func (t *Tree) references(d *dockerfile) []Reference {
	var references []Reference
	for _, ref := range d.refs {
		if parent, ok := t.inTree(ref.name); ok {
			references = append(references, Reference{ref.line, ref.written, parent})
		}
	}
	return references
}
