package image

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Finding is what is wrong with an image, where, and what to do about it.
type Finding struct {
	Image   string `json:"image"`
	File    string `json:"file"` // below the checkout
	Line    int    `json:"line"`
	Problem string `json:"problem"`
	Cure    string `json:"cure"`
}

func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s; %s", f.File, f.Line, f.Problem, f.Cure)
}

// Verify says what keeps images from being named by their content: other images
// that are not pinned, not there, or stand on each other, and Dockerfiles and
// programs that cannot be read. No findings is good.
func (t *Tree) Verify() []Finding {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := &verification{tree: t, seen: map[Finding]bool{}}
	for _, name := range t.names() {
		v.image(t.node(name))
	}
	slices.SortStableFunc(v.findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line)
	})
	return v.findings
}

type verification struct {
	tree     *Tree
	findings []Finding
	seen     map[Finding]bool // an image reads its Dockerfile once for each architecture
}

func (v *verification) add(f Finding) {
	if !v.seen[f] {
		v.seen[f] = true
		v.findings = append(v.findings, f)
	}
}

func (v *verification) image(n *node) {
	bad := false
	for _, d := range n.read {
		bad = bad || d.bad != nil
		for _, p := range d.problems {
			v.add(Finding{n.image.Name, d.file, p.line, p.what, p.fix})
		}
		for _, ref := range d.refs {
			if what, fix := v.reference(n, d, ref); what != "" {
				v.add(Finding{n.image.Name, d.file, ref.line, what, fix})
			}
		}
	}
	if bad {
		return
	}
	if err := cmp.Or(n.err, v.tree.readable(n)); err != nil {
		file := path.Join(v.tree.folderOf(n.image.Name), cmp.Or(n.image.Dockerfile, "Dockerfile"))
		v.add(Finding{n.image.Name, file, 1, err.Error(), "without it the image has no tag"})
	}
	v.cycle(n)
}

var pinned = regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)

// reference says what is wrong with naming another image so.
func (v *verification) reference(n *node, d *dockerfile, ref reference) (what, fix string) {
	named := ref.verb + " " + ref.name
	parent, ok := v.tree.inTree(ref.name)
	_, exists := v.tree.entries[parent]
	canonical := v.tree.config.Canonical + "/" + parent
	switch {
	case ref.name == scratch:
	case !ok && !pinned.MatchString(ref.name):
		return named + " is neither an image of this tree nor pinned by digest",
			fmt.Sprintf("write what this prints: skopeo inspect --format '{{.Name}}@{{.Digest}}' docker://%s", undigested(ref.name))
	case !ok:
	case !exists:
		return named + " is not there", v.tree.hint(parent)
	case ref.name != canonical && ref.name != canonical+":latest":
		return named + " asks for a certain content of an image of this tree, which has the one of this checkout", "write " + canonical
	default:
		return v.architecture(n, d, named, parent)
	}
	return "", ""
}

// undigested is a reference without what follows an "@".
func undigested(name string) string {
	name, _, _ = strings.Cut(name, "@")
	return name
}

// architecture says whether a parent lacks the architecture that a Dockerfile is
// read for.
func (v *verification) architecture(n *node, d *dockerfile, named, parent string) (what, fix string) {
	has := v.tree.node(parent).image.Architectures
	if len(has) == 0 || slices.Contains(has, d.arch) {
		return "", ""
	}
	return fmt.Sprintf("%s has no %s, for which %s is built", named, d.arch, n.image.Name),
		fmt.Sprintf("%s is built for %s", parent, strings.Join(has, ", "))
}

func (v *verification) cycle(n *node) {
	_, err := v.tree.order([]string{n.image.Name})
	cycle, ok := errors.AsType[*cycleError](err)
	if !ok || slices.Min(cycle.names) != n.image.Name { // the first of a cycle speaks for it
		return
	}
	v.add(Finding{n.image.Name, cycle.at[0].file, cycle.at[0].line, cycle.chain(), cycle.cure()})
}

// readable reads all that an image's tag covers but its parents.
func (t *Tree) readable(n *node) error {
	if _, err := t.files(n.image.Name); err != nil || n.image.Program == "" {
		return err
	}
	_, err := t.compiled(n)
	return err
}
