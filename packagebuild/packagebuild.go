// Package packagebuild turns a source tree into operating-system packages.
//
// This package is the vocabulary: a Target says what is built for, a Source what
// is built from, and a Format (deb, rpm, goo; one package below this one each)
// plans the build as data. Package build runs such plans in clean roots.
package packagebuild

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Source is a checked-out tree.
type Source struct {
	Dir        string    // the repository's top folder on this machine
	BuildDir   string    // subfolder that holds packaging/; empty is the top
	Repository string    // URL that it was cloned from; empty for a plain folder
	Commit     string    // full hash; empty for a plain folder
	Merged     []string  // other commits that Commit was merged with: a presubmit's base, then the pulls before
	CommitURL  string    // where a person can look at the commit; stamped into packages
	Time       time.Time // the commit's time: SOURCE_DATE_EPOCH of the build
	Extra      *Source   // an extra source repository handed to the build, or nil
}

// Tree is the folder that holds packaging/.
func (s Source) Tree() string { return filepath.Join(s.Dir, s.BuildDir) }

// Name is the last element of the repository's URL, or of the folder.
func (s Source) Name() string {
	if s.Repository != "" {
		return trimGit(filepath.Base(s.Repository))
	}
	return filepath.Base(s.Dir)
}

func trimGit(name string) string {
	if ext := filepath.Ext(name); ext == ".git" {
		return name[:len(name)-len(ext)]
	}
	return name
}

// Request is one build: a source for a target at a version.
type Request struct {
	Source  Source
	Target  Target
	Version string // YYYYMMDD.NN, or 0~prNUMBER.SHA in a presubmit
	Check   bool   // run the package's own tests
	Jobs    int    // processors that the build may use; 0 is one
}

// Plan is what a build takes: data that can be printed, compared and tested.
// Paths in steps are those inside the root, where the build's folder is BuildRoot.
type Plan struct {
	// Dependencies are Debian package relations (the syntax of Build-Depends)
	// that the root needs beside the target's own packages.
	Dependencies []string
	// NativeDependencies are the build requirements by their names in an
	// image root (BuildRequires of a spec), for a root that is not Debian.
	NativeDependencies []string
	// Go says that the tree is built with Go: a toolchain and the modules are handed in.
	Go bool
	// Steps run in order; the first that fails ends the build.
	Steps []Step
	// Notes are facts for the release, such as a dependency that nobody provides.
	Notes []string
}

// Step is one program to run inside the root.
type Step struct {
	Name string            // for the progress line
	Args []string          // program and arguments
	Dir  string            // working folder inside the root
	Env  map[string]string // added to the build's environment
}

// BuildRoot is where a root sees the folder that Stage filled.
const BuildRoot = "/build"

// GoRoot and GoPath are where a root sees the Go toolchain and its module cache.
// Guest repositories name these two paths in debian/rules and goospecs.
const (
	GoRoot = "/tmp/go"
	GoPath = "/usr/share/gocode"
)

// Format knows one package format. Plan runs nothing; Stage and Collect only
// read and write files. What a repository's code does happens in the plan's steps.
type Format interface {
	// Plan reads the tree and says what the build takes.
	Plan(Request) (Plan, error)
	// Stage writes the build's inputs below dir, which the root sees as BuildRoot.
	Stage(req Request, plan Plan, dir string) error
	// Collect puts the packages that the steps made below dir into out, and
	// returns their paths there, sorted. A package appears whole or not at all.
	Collect(req Request, plan Plan, dir, out string) ([]string, error)
	// Inspect opens one package and says what is in it.
	Inspect(path string) (Package, error)
	// Verify checks an inspected package against what was asked for:
	// name, version, architecture and commit stamp.
	Verify(req Request, pkg Package) error
}

// Package is what a package file says of itself.
type Package struct {
	Path    string // the file on this machine
	Format  string // deb, rpm or goo
	Name    string
	Version string // whole, as the format spells it: 1:20261121.00-g1+deb12
	Arch    string // as the format spells it: amd64, x86_64, noarch
	Source  bool   // a source package
	Vcs     string // the commit stamp: a URL that ends in the commit's hash
	Files   []File // what it installs, in the archive's order
}

// File is one entry of a package.
type File struct {
	Path   string // absolute, as installed
	Size   int64  // bytes
	Mode   uint32 // permission bits and type, as in stat(2)
	SHA256 string // of a regular file, in hex; empty for others
	Link   string // where a symbolic link points
}

// ErrNoPackaging is a tree without the packaging that the target needs.
var ErrNoPackaging = errors.New("no packaging")

// NoPackaging says which file of the layout contract is missing, and the cure.
func NoPackaging(source Source, want string) error {
	return fmt.Errorf("%w: %s has no %s; add it, or name the folder that holds packaging/ with --build-dir",
		ErrNoPackaging, source.Tree(), want)
}
