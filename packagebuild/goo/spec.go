package goo

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Spec is a goospec with its template filled in.
type Spec struct {
	Path    string // in the repository, for errors
	Build   Build
	Sources []Sources
	Package PkgSpec
}

// Build is the program that makes what the sources name. A relative one is
// looked for beside the goospec; it runs in the folder that holds packaging/.
type Build struct {
	Windows, Linux         string
	WindowsArgs, LinuxArgs []string
}

// Sources picks files of the tree by patterns, in which * stands for any part of
// one name and ** for any part of a path.
type Sources struct {
	Include, Exclude []string // below Root; an include without * is not excluded
	Target, Root     string   // Root, as it begins a file's folder, gives way to Target in the archive
}

// PkgSpec is what googet reads of a package, with the field names and the order
// that googet writes itself.
type PkgSpec struct {
	Name                string
	Version             string
	Arch                string            // noarch, x86_64, x86_32, arm or arm64
	LockArch            bool              `json:",omitempty"`
	ReleaseNotes        []string          `json:",omitempty"`
	Description         string            `json:",omitempty"`
	License             string            `json:",omitempty"`
	Authors             string            `json:",omitempty"`
	Owners              string            `json:",omitempty"`
	Source              string            `json:",omitempty"`
	Tags                map[string][]byte `json:",omitempty"` // at most ten; the commit's URL is vcs
	PkgDependencies     map[string]string `json:",omitempty"` // name to least version
	Replaces            []string
	Conflicts           []string
	Provides            []string
	Install             ExecFile
	Uninstall           ExecFile
	Verify              ExecFile
	Files               map[string]string `json:",omitempty"` // archive path to place on the machine
	ExternalProgramName string
}

// ExecFile is a program of the package that googet runs.
type ExecFile struct {
	Path      string   `json:",omitempty"`
	Args      []string `json:",omitempty"`
	ExitCodes []int    `json:",omitempty"` // besides 0, that mean success
}

// What googet refuses in a package.
const (
	maxTags     = 10
	maxTagName  = 127      // bytes
	maxTagValue = 10 << 10 // bytes
)

// vcsTag is the tag that carries the commit's URL.
const vcsTag = "vcs"

var (
	architectures = []string{"noarch", "x86_64", "x86_32", "arm", "arm64"}
	packageName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)
	windowsDrive  = regexp.MustCompile(`^[A-Za-z]:`)
)

// FileName is what googet wants the package's file to be called.
func (p *PkgSpec) FileName() string {
	return fmt.Sprintf("%s.%s.%s.goo", p.Name, p.Arch, p.Version)
}

// entryName is the archive's entry that holds the specification.
func (p *PkgSpec) entryName() string { return p.Name + pkgSpecSuffix }

const pkgSpecSuffix = ".pkgspec"

// normalize brings the paths of programs into the form that googet gives them.
func (p *PkgSpec) normalize() {
	for _, file := range []*string{&p.Install.Path, &p.Uninstall.Path} {
		if !isAbs(*file) {
			*file = path.Clean("/" + *file)[1:]
		}
	}
}

// validate refuses what googet would refuse, and names that make no file name.
func (p *PkgSpec) validate() error {
	switch {
	case p.Name == "":
		return errors.New(`name is missing; add "name"`)
	case !packageName.MatchString(p.Name):
		return fmt.Errorf("name %q must match %s", p.Name, packageName)
	case !slices.Contains(architectures, p.Arch):
		return fmt.Errorf("arch %q is none of %s", p.Arch, strings.Join(architectures, ", "))
	case p.Version == "":
		return errors.New(`version is missing; add "version": "{{.version}}.0@1"`)
	}
	if _, err := ParseVersion(p.Version); err != nil {
		return err
	}
	return errors.Join(p.checkTags(), p.checkDependencies(), p.checkPaths())
}

func (p *PkgSpec) checkTags() error {
	if len(p.Tags) > maxTags {
		return fmt.Errorf("%d tags are too many; googet takes %d", len(p.Tags), maxTags)
	}
	for _, name := range sortedKeys(p.Tags) {
		if len(name) > maxTagName {
			return fmt.Errorf("tag %.20q... has a name of %d bytes; googet takes %d", name, len(name), maxTagName)
		}
		if size := len(p.Tags[name]); size > maxTagValue {
			return fmt.Errorf("tag %q holds %d bytes; googet takes %d", name, size, maxTagValue)
		}
	}
	return nil
}

func (p *PkgSpec) checkDependencies() error {
	for _, name := range sortedKeys(p.PkgDependencies) {
		if _, err := ParseVersion(p.PkgDependencies[name]); err != nil {
			return fmt.Errorf("pkgDependencies %s: %w", name, err)
		}
	}
	return nil
}

func (p *PkgSpec) checkPaths() error {
	paths := append(sortedKeys(p.Files), p.Install.Path, p.Uninstall.Path, p.Verify.Path)
	for _, name := range paths {
		if isAbs(name) {
			return fmt.Errorf("%q is an absolute path; name it as it is in the package", name)
		}
	}
	return nil
}

// isAbs says whether name is absolute on Linux or on Windows, where googet reads it.
func isAbs(name string) bool {
	return strings.HasPrefix(name, "/") || strings.HasPrefix(name, `\`) || windowsDrive.MatchString(name)
}

// stamp adds the commit's URL, which is empty for a plain folder, to the tags.
func (p *PkgSpec) stamp(url string) error {
	if url == "" {
		return nil
	}
	if own, taken := p.Tags[vcsTag]; taken && string(own) != url {
		return fmt.Errorf("tag %q is taken by %q; rename it, since the commit's URL goes there", vcsTag, own)
	}
	tags := map[string][]byte{vcsTag: []byte(url)}
	for name, value := range p.Tags {
		tags[name] = value
	}
	if len(tags) > maxTags {
		return fmt.Errorf("%d tags leave no room for the commit's URL; googet takes %d in all, so remove one", len(p.Tags), maxTags)
	}
	p.Tags = tags
	return p.checkTags()
}
