package image

import (
	"fmt"
	"maps"
	"path"
	"slices"

	"slipway.dev/slipway/internal/contenthash"
)

// Program is the Go program that is compiled into an image.
type Program struct {
	Name    string             // of the file in the build context
	Module  string             // folder of go.mod below the checkout, with slashes; "." is the checkout
	Package string             // import path of what is to be compiled
	Sources []contenthash.File // tracked files that decide its bytes, with paths from the checkout, sorted
}

// Program is what is to be compiled into an image. A copy of Sources is enough to
// compile it (with GOWORK=off), and whoever compiles that copy alone knows that
// nothing went in that the tag does not cover.
func (t *Tree) Program(name string) (Program, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name, err := t.lookUp(name)
	if err != nil {
		return Program{}, err
	}
	n := t.node(name)
	if n.err == nil && n.image.Program == "" {
		return Program{}, fmt.Errorf("image %s has no program: its folder has no main.go, or its Dockerfile copies no untracked file called %s", name, path.Base(name))
	}
	if n.err != nil {
		return Program{}, n.err
	}
	return t.compiled(n)
}

func (t *Tree) compiled(n *node) (Program, error) {
	folder := t.folderOf(n.image.Name)
	m, err := t.moduleOf(folder)
	if err != nil {
		return Program{}, fmt.Errorf("image %s: %w", n.image.Name, err)
	}
	names := map[string]bool{}
	for _, arch := range n.image.Architectures {
		if err := t.reach(m, folder, arch, names); err != nil {
			return Program{}, fmt.Errorf("image %s: find what is compiled in for %s: %w", n.image.Name, arch, err)
		}
	}
	for _, name := range append(m.always, path.Join(folder, "default.pgo")) {
		names[name] = true
	}
	sources, err := t.sources(names)
	if err != nil {
		return Program{}, fmt.Errorf("image %s: %w", n.image.Name, err)
	}
	return Program{n.image.Program, path.Clean(m.dir), m.importPath(folder), sources}, nil
}

// reach adds the names of the files of every package of the module that is compiled
// into the one in folder.
func (t *Tree) reach(m *module, folder, arch string, names map[string]bool) error {
	seen := map[string]bool{folder: true}
	for queue := []string{folder}; len(queue) > 0; queue = queue[1:] {
		p, err := t.goPackage(m, queue[0], arch)
		if err != nil {
			return err
		}
		for _, file := range p.files {
			names[file] = true
		}
		for _, imported := range p.imports {
			if !seen[imported] {
				seen[imported] = true
				queue = append(queue, imported)
			}
		}
	}
	return nil
}

// sources reads the files that git tracks among names.
func (t *Tree) sources(names map[string]bool) ([]contenthash.File, error) {
	var files []contenthash.File
	for _, name := range slices.Sorted(maps.Keys(names)) {
		e, ok := t.index.find(name)
		if !ok {
			continue
		}
		file, ok, err := t.index.read(e)
		if err != nil {
			return nil, err
		}
		if ok {
			files = append(files, file)
		}
	}
	return files, nil
}
