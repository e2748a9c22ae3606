// Package golang hands Go to builds that have no network: a toolchain that is
// new enough, and a module cache that holds whatever the tree's go.mod files name.
//
// What is fetched is fetched before the build, by the go command itself, which
// runs no code of the repository. It works on a copy of the go.mod and go.sum
// files, so the tree that will be built stays byte for byte what was checked out.
package golang

import (
	"fmt"
	"go/version"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// Module is one go.mod of a tree.
type Module struct {
	Dir       string // folder of the go.mod
	Root      string // the folder given to Find below which it lies
	Path      string // module path
	GoVersion string // what its go line asks for, such as 1.25.5; empty without one
	Toolchain string // what its toolchain line asks for, such as go1.26.1; empty without one
	Vendored  bool   // carries its dependencies in vendor/, so nothing is fetched for it
	Nested    bool   // lies below another module of the tree, as tests and tools do
}

// GoMod is the module's file, for messages.
func (m Module) GoMod() string { return filepath.Join(m.Dir, "go.mod") }

// need is the oldest toolchain that builds m, as go/version spells it, or empty.
func (m Module) need() string {
	if m.Toolchain != "default" && version.Compare(m.Toolchain, "go"+m.GoVersion) > 0 {
		return m.Toolchain
	}
	if m.GoVersion == "" {
		return ""
	}
	return "go" + m.GoVersion
}

// Find lists the modules in dirs and below them, parents first. It looks into
// no folder that the go command ignores: vendor, testdata, and names that begin
// with a dot or an underscore. A tree without go.mod has none.
func Find(dirs ...string) ([]Module, error) {
	var modules []Module
	for _, dir := range dirs {
		found, err := findBelow(dir)
		if err != nil {
			return nil, fmt.Errorf("find Go modules in %s: %w", dir, err)
		}
		modules = append(modules, found...)
	}
	return modules, nil
}

func findBelow(root string) ([]Module, error) {
	var modules []Module
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && ignored(entry.Name()):
			return filepath.SkipDir
		// A link could make us read, and quote, a file outside the tree.
		case entry.Name() != "go.mod" || !entry.Type().IsRegular():
			return nil
		}
		module, err := readModule(root, path)
		if err != nil {
			return err
		}
		modules = append(modules, module)
		return nil
	})
	slices.SortFunc(modules, func(a, b Module) int { return strings.Compare(a.Dir, b.Dir) })
	for i, m := range modules {
		modules[i].Nested = hasParent(modules[:i], m.Dir)
	}
	return modules, err
}

func ignored(name string) bool {
	return name == "vendor" || name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

// hasParent says whether one of modules lies above dir.
func hasParent(modules []Module, dir string) bool {
	for _, m := range modules {
		if strings.HasPrefix(dir, m.Dir+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

func readModule(root, path string) (Module, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Module{}, err
	}
	// Lax: a directive of a newer Go is for the newer Go to understand.
	file, err := modfile.ParseLax(path, data, nil)
	if err != nil {
		return Module{}, fmt.Errorf("parse go.mod: %w", err)
	}
	module := Module{Dir: filepath.Dir(path), Root: root}
	if file.Module != nil {
		module.Path = file.Module.Mod.Path
	}
	if file.Go != nil {
		module.GoVersion = file.Go.Version
	}
	module.Toolchain = toolchainLine(file.Syntax)
	_, err = os.Stat(filepath.Join(module.Dir, "vendor", "modules.txt"))
	module.Vendored = err == nil
	return module, nil
}

// toolchainLine is what the toolchain line says: a lax parser passes over it.
func toolchainLine(syntax *modfile.FileSyntax) string {
	for _, statement := range syntax.Stmt {
		if line, ok := statement.(*modfile.Line); ok && len(line.Token) == 2 && line.Token[0] == "toolchain" {
			return line.Token[1]
		}
	}
	return ""
}
