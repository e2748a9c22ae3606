package goo

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// file is a file of the tree and its name in the package.
type file struct{ name, source string }

// gather picks the files that a goospec's sources name, in the order of their
// names in the package, and checks that all which the goospec mentions is there.
func gather(t *tree, spec *Spec) ([]file, error) {
	g := gatherer{tree: t, spec: spec, sources: map[string]string{}, walked: map[string][]string{}}
	for _, s := range spec.Sources {
		if err := g.add(s); err != nil {
			return nil, fmt.Errorf("%s: %w", spec.Path, err)
		}
	}
	g.checkMentioned()
	if len(g.missing) > 0 {
		return nil, missingError(spec.Path, g.missing)
	}
	files := make([]file, 0, len(g.sources))
	for _, name := range sortedKeys(g.sources) {
		files = append(files, file{name: name, source: g.sources[name]})
	}
	return files, nil
}

func missingError(specPath string, missing []string) error {
	return fmt.Errorf("%s names what is not there:\n\t%s\nadd the files, have build.linux make them, or take them out of the goospec",
		specPath, strings.Join(missing, "\n\t"))
}

type gatherer struct {
	tree    *tree
	spec    *Spec
	sources map[string]string   // by name in the package
	walked  map[string][]string // what lies below a folder
	missing []string            // for the error
}

func (g *gatherer) add(s Sources) error {
	exclude, err := compileAll(s.resolve(s.Exclude))
	if err != nil {
		return err
	}
	for _, include := range s.resolve(s.Include) {
		found, err := g.match(include, exclude)
		if err != nil {
			return err
		}
		for _, source := range found {
			if err := g.put(s.archiveName(source), source); err != nil {
				return err
			}
		}
	}
	return nil
}

// match finds the files of one include. One without stars is taken as it is: excludes do not touch it.
func (g *gatherer) match(include string, exclude patterns) ([]string, error) {
	if !isPattern(include) {
		return []string{include}, nil
	}
	keep, err := compile(include)
	if err != nil {
		return nil, err
	}
	files, err := g.below(fixedFolder(include))
	if isMissing(err) {
		g.missing = append(g.missing, include+" (sources: there is no such folder)")
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for %s: %w", include, err)
	}
	return slices.DeleteFunc(slices.Clone(files), func(name string) bool {
		return !keep.MatchString(name) || exclude.match(name)
	}), nil
}

func (g *gatherer) below(folder string) ([]string, error) {
	if files, ok := g.walked[folder]; ok {
		return files, nil
	}
	files, err := g.tree.walk(folder)
	if err != nil {
		return nil, err
	}
	g.walked[folder] = files
	return files, nil
}

// put gives a file its place in the package. Two includes may name one file,
// but two files must not share a place.
func (g *gatherer) put(name, source string) error {
	if err := checkEntry(name); err != nil {
		return err
	}
	if path.Ext(name) == pkgSpecSuffix {
		return fmt.Errorf("%s: googet would take it for the package's own specification; rename or exclude it", source)
	}
	if other, taken := g.sources[name]; taken && other != source {
		return fmt.Errorf("%s and %s would both be %s in the package; give one another target", other, source, name)
	}
	g.sources[name] = source
	info, err := g.tree.stat(source)
	switch {
	case isMissing(err):
		g.missing = append(g.missing, source+" (sources)")
		return nil
	case err != nil:
		return fmt.Errorf("%w; a package takes only files of its repository", err)
	case info.IsDir():
		return fmt.Errorf("%s is a folder; write %s/** to take what is in it", source, source)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is %s, which no package can hold; exclude it", source, kind(info.Mode()))
	}
	return nil
}

// checkMentioned looks for what googet will look for in the package: files to
// place on the machine, and programs to run.
func (g *gatherer) checkMentioned() {
	present, folded := map[string]bool{}, map[string]bool{}
	for name := range g.sources {
		for at := name; !present[at]; at = path.Dir(at) {
			present[at] = true
		}
		folded[fold(name)] = true
	}
	for _, name := range sortedKeys(g.spec.Package.Files) {
		if !present[name] {
			g.missing = append(g.missing, name+" (files: none of the sources puts it into the package)")
		}
	}
	pkg := &g.spec.Package
	for role, program := range map[string]string{"install": pkg.Install.Path, "uninstall": pkg.Uninstall.Path, "verify": pkg.Verify.Path} {
		if program != "" && !folded[fold(program)] {
			g.missing = append(g.missing, fmt.Sprintf("%s (%s: none of the sources puts it into the package)", program, role))
		}
	}
	slices.Sort(g.missing)
	g.missing = slices.Compact(g.missing)
}

// fold is a path as Windows compares it.
func fold(name string) string {
	return strings.ToLower(path.Clean(strings.ReplaceAll(name, `\`, "/")))
}

// checkEntry refuses a name that would leave the folder in which googet unpacks.
func checkEntry(name string) error {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == '\\' })
	switch {
	case len(parts) == 0, path.Clean(name) == ".":
		return fmt.Errorf("entry %q has no name", name)
	case isAbs(name):
		return fmt.Errorf("entry %q is absolute; a package's entries are relative", name)
	case slices.Contains(parts, ".."):
		return fmt.Errorf("entry %q leads out of the package with ..", name)
	}
	return nil
}
