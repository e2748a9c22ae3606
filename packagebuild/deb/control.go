package deb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/deb822"
	"slipway.dev/slipway/packagebuild"
)

// control is a repository's debian/control.
type control struct {
	file     string // on this machine, for errors
	tree     string // the folder that holds packaging/
	source   deb822.Paragraph
	binaries []deb822.Paragraph
	dropped  []string // build dependencies that were taken out
	pureGo   bool     // debian/rules turns cgo off
}

var (
	packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
	// stampField is XB-Git however its letters say where it is copied to.
	stampField = regexp.MustCompile(`(?i)^X[SBC]*-Git$`)
)

const debianFolder = "packaging/debian"

// readControl reads and checks packaging/debian/control. Links that leave the
// repository are not followed: they could read a secret of the machine into a package.
func readControl(src packagebuild.Source) (control, error) {
	root, err := openTree(src)
	if err != nil {
		return control{}, err
	}
	defer root.Close()
	if _, err := root.Stat(debianFolder); errors.Is(err, fs.ErrNotExist) {
		return control{}, packagebuild.NoPackaging(src, debianFolder)
	}
	var texts [2][]byte
	for i, name := range []string{debianFolder + "/control", debianFolder + "/rules"} {
		texts[i], err = root.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return control{}, packagebuild.NoPackaging(src, name)
		}
		if err != nil {
			return control{}, fmt.Errorf("read packaging of %s: %w", src.Tree(), err)
		}
	}
	c, err := parseControl(src.Tree(), texts[0])
	c.pureGo = cgoOff.Match(texts[1])
	return c, err
}

// cgoOff is how debian/rules asks for Go programs without C.
var cgoOff = regexp.MustCompile(`(?m)^[ \t]*(export[ \t]+)?CGO_ENABLED[ \t]*[:?]?=[ \t]*0[ \t]*$`)

// openTree opens the folder that holds packaging/, which lies in the repository.
func openTree(src packagebuild.Source) (*os.Root, error) {
	top, err := os.OpenRoot(src.Dir)
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	if src.BuildDir == "" {
		return top, nil
	}
	defer top.Close()
	root, err := top.OpenRoot(src.BuildDir)
	if err != nil {
		return nil, fmt.Errorf("open build folder of %s: %w; name a folder of the repository with --build-dir", src.Dir, err)
	}
	return root, nil
}

func parseControl(tree string, data []byte) (control, error) {
	c := control{file: filepath.Join(tree, filepath.FromSlash(debianFolder), "control"), tree: tree}
	paragraphs, err := deb822.Parse(c.file, data)
	if err != nil {
		return control{}, err
	}
	if len(paragraphs) < 2 {
		return control{}, fmt.Errorf("%s: %d paragraphs; want one that begins with Source: and one with Package: for each package", c.file, len(paragraphs))
	}
	c.source, c.binaries = paragraphs[0], paragraphs[1:]
	if err := c.check(c.source, "Source", "Maintainer"); err != nil {
		return control{}, err
	}
	for _, binary := range c.binaries {
		if err := c.check(binary, "Package", "Architecture"); err != nil {
			return control{}, err
		}
	}
	return c, nil
}

// check wants both fields in p, and a package's name in the first.
func (c control) check(p deb822.Paragraph, name, other string) error {
	for _, field := range []string{name, other} {
		if p.Get(field) == "" {
			return fmt.Errorf("%s:%d: the paragraph has no %s field; add one", c.file, p.Line, field)
		}
	}
	f, _ := p.Lookup(name)
	if !packageName.MatchString(f.Value) {
		return fmt.Errorf("%s:%d: %s %q is no package name; use small letters, digits, '+', '-' and '.'", c.file, f.Line, f.Name, f.Value)
	}
	m, _ := p.Lookup(other)
	if strings.Contains(m.Value, "\n") {
		return fmt.Errorf("%s:%d: %s goes over more than one line", c.file, m.Line, m.Name)
	}
	return nil
}

// folder is the unpacked source's, in the build's folder.
func (c control) folder(req packagebuild.Request) string {
	return c.source.Get("Source") + "-" + req.Version
}

// builtFor splits the packages into those that a build for arch makes and the rest.
func (c control) builtFor(arch string, cross bool) (built, left []string) {
	for _, p := range c.binaries {
		if name := p.Get("Package"); fits(p.Get("Architecture"), arch, cross) {
			built = append(built, name)
		} else {
			left = append(left, name)
		}
	}
	return built, left
}

// fits says whether an Architecture field covers arch.
func fits(field, arch string, cross bool) bool {
	return slices.ContainsFunc(strings.Fields(field), func(word string) bool {
		switch word {
		case "any", "linux-any", "any-" + arch, "linux-" + arch, arch:
			return true
		}
		return word == "all" && !cross
	})
}

var buildDependsFields = []string{"Build-Depends", "Build-Depends-Arch", "Build-Depends-Indep"}

// buildDepends lists the relations of the Build-Depends fields as they stand,
// each in one line: apt and dpkg know what to make of them.
func (c control) buildDepends(cross bool) []string {
	fields := buildDependsFields
	if cross {
		fields = fields[:2]
	}
	var relations []string
	for _, field := range fields {
		relations = append(relations, splitRelations(c.source.Get(field))...)
	}
	return relations
}

// splitRelations takes a field apart; each relation is in one line.
func splitRelations(field string) []string {
	var relations []string
	for relation := range strings.SplitSeq(field, ",") {
		if words := strings.Fields(relation); len(words) > 0 {
			relations = append(relations, strings.Join(words, " "))
		}
	}
	return relations
}

var (
	goTool = regexp.MustCompile(`^(dh-golang|dh-sequence-golang)$`)
	// anyGo is whichever Go the suite has, oneGo a certain one, which debian/rules calls by its path.
	anyGo = regexp.MustCompile(`^golang(-go|-any)?$`)
	oneGo = regexp.MustCompile(`^golang-[0-9.]+(-go)?$`)
	// relationName is the package of one alternative: `libfoo-dev (>= 2) [amd64]` is about libfoo-dev.
	relationName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*`)
)

// isGo says whether a relation means that the package is built with Go.
func isGo(relation string) bool {
	return names(relation, goTool) || names(relation, anyGo) || names(relation, oneGo)
}

func names(relation string, pattern *regexp.Regexp) bool {
	for alternative := range strings.SplitSeq(relation, "|") {
		if pattern.MatchString(relationName.FindString(strings.TrimSpace(alternative))) {
			return true
		}
	}
	return false
}

// withoutGo takes Go compilers out of the build dependencies, since one is
// handed in: the suite's may be older than what control wants, and takes 400 MB.
// A cross build drops a certain one too: a root has none that runs here and
// belongs to another architecture.
func (c control) withoutGo(cross bool) control {
	c.source.Fields = slices.Clone(c.source.Fields)
	for _, field := range buildDependsFields {
		before := len(c.dropped)
		var kept []string
		for _, relation := range splitRelations(c.source.Get(field)) {
			if names(relation, anyGo) || cross && names(relation, oneGo) {
				c.dropped = append(c.dropped, relation)
			} else {
				kept = append(kept, relation)
			}
		}
		if len(c.dropped) > before {
			c.replace(field, strings.Join(kept, ", "))
		}
	}
	return c
}

// replace sets a field that is there, or removes it.
func (c *control) replace(field, value string) {
	if value == "" {
		c.source.Fields = slices.DeleteFunc(c.source.Fields, func(f deb822.Field) bool { return strings.EqualFold(f.Name, field) })
	} else {
		c.source.Set(field, value)
	}
}

// crossTools are what a root needs to build for arch: the compilers, and the C
// and C++ libraries of arch, which dpkg-shlibdeps looks up.
func crossTools(arch string) []string {
	return []string{"crossbuild-essential-" + arch + ":native", "libc-dev", "libstdc++-dev"}
}

// stamped is the control file with the commit in it: dpkg-gencontrol copies
// XB- fields of the source paragraph to every package, and one of a package's
// own paragraph would win over it.
func (c control) stamped(url string) ([]byte, error) {
	all := append([]deb822.Paragraph{c.source}, c.binaries...)
	for i, p := range all {
		all[i].Fields = slices.DeleteFunc(slices.Clone(p.Fields), func(f deb822.Field) bool {
			return stampField.MatchString(f.Name)
		})
	}
	if url != "" {
		all[0].Set("XB-Git", url)
	}
	return deb822.Format(all...)
}
