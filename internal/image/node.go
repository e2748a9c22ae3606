package image

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/contenthash"
)

// node is what one image's own files say of it.
type node struct {
	image   Image
	read    []*dockerfile    // one for each architecture
	parents map[string]place // where each parent is named first
	err     error            // why its parents are not all known
	ready   bool             // false while it is being read, which a cycle sees
}

// place is a line of a file below the checkout.
type place struct {
	file string
	line int
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// node reads an image's own files, once.
func (t *Tree) node(name string) *node {
	if have, ok := t.nodes[name]; ok {
		return have
	}
	n := &node{image: Image{Name: name, Folder: t.index.absolute(t.folderOf(name))}, parents: map[string]place{}}
	t.nodes[name] = n
	if n.err = t.fill(n); n.err != nil {
		n.err = fmt.Errorf("image %s: %w", name, n.err)
	}
	n.ready = true
	return n
}

func (t *Tree) fill(n *node) error {
	variants := t.variants(n.image.Name)
	archs, err := t.declared(n.image.Name)
	if err != nil {
		return err
	}
	declared := len(archs) > 0
	if !declared {
		archs = undeclared(variants)
	}
	for _, arch := range archs {
		if err := t.serve(n, variants, arch); err != nil {
			return err
		}
	}
	if n.image.Program, err = t.program(n); err != nil {
		return err
	}
	if _, plain := variants[""]; plain && len(variants) == 1 && !declared && n.image.Program != "" && t.onScratch(n) {
		if err := t.serve(n, variants, "arm64"); err != nil {
			return err
		}
	}
	n.image.Architectures = slices.Sorted(maps.Keys(n.image.Dockerfiles))
	n.image.Dockerfile = n.image.Dockerfiles[n.image.Architectures[0]]
	return t.refer(n)
}

// content reads a tracked file of the work tree. A symlink must stay in its folder:
// what lies elsewhere is not covered by the tag.
func (t *Tree) content(file string) ([]byte, bool, error) {
	e, ok := t.index.find(file)
	if !ok {
		return nil, false, nil
	}
	have, ok, err := t.index.read(e)
	if err != nil || !ok {
		return nil, false, err
	}
	if have.Kind == contenthash.Symlink {
		target, err := os.Readlink(t.index.absolute(file))
		if err != nil {
			return nil, false, err
		}
		if _, tracked := t.index.find(path.Join(path.Dir(file), target)); !tracked || !filepath.IsLocal(target) {
			return nil, false, fmt.Errorf("%s is a symlink to %s, which is no tracked file of its folder; put the file itself there", file, target)
		}
	}
	data, err := os.ReadFile(t.index.absolute(file))
	return data, err == nil, err
}

// serve reads the Dockerfile that an image has for an architecture.
func (t *Tree) serve(n *node, variants map[string]string, arch string) error {
	base, ok := variants[arch]
	if !ok {
		base, ok = variants[""]
	}
	if !ok {
		return fmt.Errorf("it is to be built for %s, but has no Dockerfile or Dockerfile.%s", arch, arch)
	}
	file := path.Join(t.folderOf(n.image.Name), base)
	data, ok, err := t.content(file)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%s went away while it was read; run this again", file)
	}
	if n.image.Dockerfiles == nil {
		n.image.Dockerfiles = map[string]string{}
	}
	n.image.Dockerfiles[arch] = base
	n.read = append(n.read, readDockerfile(file, data, arch, t.config.Arguments))
	return nil
}

// program is the name of the Go program that is compiled into an image: its folder
// has a main.go, and a Dockerfile copies what the folder's name names but git does
// not track.
func (t *Tree) program(n *node) (string, error) {
	folder := t.folderOf(n.image.Name)
	base := path.Base(folder)
	program := path.Join(folder, base)
	if _, tracked := t.index.find(program); tracked || len(t.index.below(program)) > 0 {
		return "", nil
	}
	copied := func(d *dockerfile) bool {
		return slices.ContainsFunc(d.copies, func(source string) bool { return path.Clean("/"+source) == "/"+base })
	}
	if !slices.ContainsFunc(n.read, copied) {
		return "", nil
	}
	data, ok, err := t.content(path.Join(folder, "main.go"))
	if err != nil || !ok {
		return "", err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), path.Join(folder, "main.go"), data, parser.PackageClauseOnly)
	if err != nil {
		return "", err
	}
	if parsed.Name.Name != "main" {
		return "", nil
	}
	return base, nil
}

// scratch is no image, but the absence of one.
const scratch = "scratch"

// refer sorts the references of the Dockerfiles into parents and others.
func (t *Tree) refer(n *node) error {
	var errs []error
	external := map[string]bool{}
	for _, d := range n.read {
		errs = append(errs, d.bad)
		for _, ref := range d.refs {
			parent, ok := t.inTree(ref.name)
			switch {
			case ref.name == scratch:
			case !ok:
				external[ref.name] = true
			case n.parents[parent] == place{}:
				n.parents[parent] = place{d.file, ref.line}
			}
		}
		if base, ok := t.inTree(d.base); ok {
			n.image.Base = base
		}
	}
	n.image.Parents = slices.Sorted(maps.Keys(n.parents))
	n.image.External = slices.Sorted(maps.Keys(external))
	return errors.Join(errs...)
}

// inTree is the name of the image of this tree that a reference means.
func (t *Tree) inTree(reference string) (string, bool) {
	rest, ok := strings.CutPrefix(reference, t.config.Canonical+"/")
	rest, _, _ = strings.Cut(rest, "@")
	rest, _, _ = strings.Cut(rest, ":")
	return rest, ok
}
