package image

import (
	"fmt"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"
)

// module is a Go module of the checkout.
type module struct {
	dir      string // below the checkout; "" is its top
	path     string
	requires []string // paths of other modules that may lie below its own path
	release  []string // build tags go1.1, go1.2, ... of the Go that compiles it
	always   []string // files that decide what is compiled whichever packages are: go.mod, go.sum, vendored and replaced modules
	packages map[packageKey]*goPackage
}

type packageKey struct{ dir, arch string }

// moduleOf is the module that a folder belongs to.
func (t *Tree) moduleOf(folder string) (*module, error) {
	dir, ok := t.moduleDir(folder)
	if !ok {
		return nil, fmt.Errorf("no go.mod is tracked in %s or above it; a Go program needs one", folder)
	}
	if m, ok := t.modules[dir]; ok {
		return m, nil
	}
	m, err := t.readModule(dir)
	if err != nil {
		return nil, err
	}
	t.modules[dir] = m
	return m, nil
}

// moduleDir is the innermost folder with a go.mod.
func (t *Tree) moduleDir(folder string) (string, bool) {
	for dir := folder; ; dir = parentFolder(dir) {
		if e, ok := t.index.find(path.Join(dir, "go.mod")); ok && t.exists(e) {
			return dir, true
		}
		if dir == "" {
			return "", false
		}
	}
}

func (t *Tree) readModule(dir string) (*module, error) {
	file := path.Join(dir, "go.mod")
	data, _, err := t.content(file)
	if err != nil {
		return nil, err
	}
	parsed, err := modfile.Parse(file, data, nil)
	if err != nil {
		return nil, err
	}
	if parsed.Module == nil {
		return nil, fmt.Errorf("%s names no module; add a line: module PATH", file)
	}
	m := &module{
		dir: dir, path: parsed.Module.Mod.Path, release: releaseTags(parsed),
		always: []string{file, path.Join(dir, "go.sum")}, packages: map[packageKey]*goPackage{},
	}
	for _, r := range parsed.Require {
		if strings.HasPrefix(r.Mod.Path, m.path+"/") {
			m.requires = append(m.requires, r.Mod.Path)
		}
	}
	for _, e := range t.index.below(path.Join(dir, "vendor")) {
		m.always = append(m.always, e.path)
	}
	return m, t.addReplaced(m, parsed)
}

// addReplaced takes in whole modules that go.mod replaces by folders: they are few,
// and what reaches into them may be a module that is not here.
func (t *Tree) addReplaced(m *module, parsed *modfile.File) error {
	for _, r := range parsed.Replace {
		if !modfile.IsDirectoryPath(r.New.Path) {
			continue
		}
		dir := path.Join(m.dir, filepath.ToSlash(r.New.Path))
		if path.IsAbs(r.New.Path) || !filepath.IsLocal(dir) {
			return fmt.Errorf("%s:%d: %s is replaced by %s, which is not in the checkout, so that no tag could cover it",
				m.always[0], r.Syntax.Start.Line, r.Old.Path, r.New.Path)
		}
		for _, e := range t.index.below(dir) {
			m.always = append(m.always, e.path)
		}
	}
	return nil
}

// releaseTags are those of the Go that go.mod asks for, not of the one that this
// program was compiled with.
func releaseTags(parsed *modfile.File) []string {
	version := "1.16" // what a go.mod without a go line means
	if parsed.Go != nil {
		version = parsed.Go.Version
	}
	if parsed.Toolchain != nil {
		version = strings.TrimPrefix(parsed.Toolchain.Name, "go")
	}
	_, minor, _ := strings.Cut(version, ".")
	minor = minor[:len(minor)-len(strings.TrimLeft(minor, "0123456789"))]
	last, _ := strconv.Atoi(minor) // modfile checked the version
	var tags []string
	for i := 1; i <= last; i++ {
		tags = append(tags, "go1."+strconv.Itoa(i))
	}
	return tags
}

func (m *module) importPath(folder string) string {
	return path.Join(m.path, strings.TrimPrefix(strings.TrimPrefix(folder, m.dir), "/"))
}

// dirOf is the folder of a package that this module has.
func (t *Tree) dirOf(m *module, imported string) (string, bool) {
	rest, ok := strings.CutPrefix(imported+"/", m.path+"/")
	if !ok {
		return "", false
	}
	dir := path.Join(m.dir, rest)
	if owner, _ := t.moduleDir(dir); owner != m.dir {
		return "", false
	}
	for _, other := range m.requires {
		if strings.HasPrefix(imported+"/", other+"/") && len(t.tracked(dir)) == 0 {
			return "", false
		}
	}
	return dir, true
}
