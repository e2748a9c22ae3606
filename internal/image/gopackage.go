package image

import (
	"bytes"
	"errors"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// goPackage is what is compiled of one folder.
type goPackage struct {
	files   []string // with paths from the checkout
	imports []string // folders of packages of the same module
}

// architectureTags are the build tags that tell one architecture from another.
var architectureTags = []string{"386", "amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x"}

// goPackage reads the package in a folder for an architecture, once; and once for
// all if none of its files cares.
func (t *Tree) goPackage(m *module, dir, arch string) (*goPackage, error) {
	if p, ok := m.packages[packageKey{dir, ""}]; ok {
		return p, nil
	}
	if p, ok := m.packages[packageKey{dir, arch}]; ok {
		return p, nil
	}
	found, err := t.buildContext(m, arch).ImportDir(t.index.absolute(dir), 0)
	if err != nil {
		return nil, t.importError(dir, err)
	}
	p := &goPackage{}
	for _, imported := range found.Imports {
		if folder, ok := t.dirOf(m, imported); ok {
			p.imports = append(p.imports, folder)
		}
	}
	for _, name := range slices.Concat(found.GoFiles, found.SFiles, found.HFiles, found.SysoFiles) {
		p.files = append(p.files, path.Join(dir, name))
	}
	p.files = append(p.files, t.embedded(dir, found.EmbedPatterns)...)
	key := packageKey{dir, arch}
	if !slices.ContainsFunc(found.AllTags, func(tag string) bool { return slices.Contains(architectureTags, tag) }) {
		key.arch = ""
	}
	m.packages[key] = p
	return p, nil
}

func (t *Tree) importError(dir string, err error) error {
	if _, none := errors.AsType[*build.NoGoError](err); none || !t.index.isFolder(dir) {
		return fmt.Errorf("git tracks no Go file in %s that is compiled on Linux; is one to be added with git add %s?", dir, dir)
	}
	return err
}

// buildContext sees the tracked files only, and nothing of the machine's Go.
func (t *Tree) buildContext(m *module, arch string) *build.Context {
	return &build.Context{
		GOARCH: arch, GOOS: "linux", Compiler: "gc", ReleaseTags: m.release,
		IsDir: func(name string) bool {
			info, err := os.Stat(name)
			return err == nil && info.IsDir()
		},
		HasSubdir: func(string, string) (string, bool) { return "", false },
		ReadDir: func(dir string) ([]fs.FileInfo, error) {
			return t.tracked(t.index.relative(dir)), nil
		},
		OpenFile: func(name string) (io.ReadCloser, error) {
			data, err := t.index.source(t.index.relative(name))
			return io.NopCloser(bytes.NewReader(data)), err
		},
	}
}

// tracked are the files right in a folder that git tracks and that a compiler may
// read; tests would double the work.
func (t *Tree) tracked(dir string) []fs.FileInfo {
	if dir == "." {
		dir = ""
	}
	if !t.index.isFolder(path.Clean(dir)) {
		return nil
	}
	var infos []fs.FileInfo
	for _, e := range t.index.below(dir) {
		if strings.Contains(strings.TrimPrefix(e.path, dir+"/"), "/") || strings.HasSuffix(e.path, "_test.go") {
			continue
		}
		if info, err := os.Lstat(t.index.absolute(e.path)); err == nil && !info.IsDir() {
			infos = append(infos, info)
		}
	}
	return infos
}

// embedded are the tracked files that go:embed patterns name, by the rules of the
// package embed: a folder means what is in it, but for hidden files unless the
// pattern begins with all:.
func (t *Tree) embedded(dir string, patterns []string) []string {
	var files []string
	for _, pattern := range patterns {
		pattern, all := strings.CutPrefix(pattern, "all:")
		for _, e := range t.index.below(dir) {
			name := strings.TrimPrefix(e.path, dir+"/")
			if embeds(pattern, name, all) {
				files = append(files, e.path)
			}
		}
	}
	return files
}

func embeds(pattern, name string, all bool) bool {
	whole := ""
	for rest := name; rest != ""; {
		var element string
		element, rest, _ = strings.Cut(rest, "/")
		whole = path.Join(whole, element)
		if ok, err := path.Match(pattern, whole); ok && err == nil {
			return all || !hidden(rest)
		}
	}
	return pattern == "." && (all || !hidden(name))
}

// hidden says whether any element of a path begins with a dot or an underscore.
func hidden(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(element string) bool {
		return strings.HasPrefix(element, ".") || strings.HasPrefix(element, "_")
	})
}
