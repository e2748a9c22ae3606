package rpm

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"slipway.dev/slipway/packagebuild"
)

// Verify checks that a package is what was asked for.
func (f Format) Verify(req packagebuild.Request, pkg packagebuild.Package) error {
	if err := verify(req, pkg); err != nil {
		return fmt.Errorf("verify %s: %w", pkg.Path, err)
	}
	return nil
}

func verify(req packagebuild.Request, pkg packagebuild.Package) error {
	chosen, err := readSpecs(req)
	if err != nil {
		return err
	}
	if !chosen.declares(pkg) {
		return fmt.Errorf("name %s is none of those in the specs of %s: %s",
			pkg.Name, req.Target.Name, strings.Join(chosen.packages(), ", "))
	}
	if err := verifyVersion(req, pkg); err != nil {
		return err
	}
	want := arches[req.Target.Arch].rpm
	if !pkg.Source && pkg.Arch != want && pkg.Arch != "noarch" {
		return fmt.Errorf("arch is %s; target %s is %s", pkg.Arch, req.Target.Name, want)
	}
	if !strings.HasSuffix(pkg.Vcs, req.Source.Commit) {
		return fmt.Errorf("Vcs %q does not end in the commit %s", pkg.Vcs, req.Source.Commit)
	}
	if file := fileName(pkg); filepath.Base(pkg.Path) != file {
		return fmt.Errorf("its file name does not say what it is: want %s", file)
	}
	return nil
}

// fileName is what rpm calls a package's file, unless a macro says otherwise.
func fileName(pkg packagebuild.Package) string {
	evr := pkg.Version
	if _, after, found := strings.Cut(evr, ":"); found {
		evr = after
	}
	return pkg.Name + "-" + evr + "." + pkg.Arch + ".rpm"
}

// verifyVersion checks [epoch:]version-release.
func verifyVersion(req packagebuild.Request, pkg packagebuild.Package) error {
	whole := pkg.Version
	if _, after, found := strings.Cut(whole, ":"); found {
		whole = after
	}
	version, release, _ := strings.Cut(whole, "-")
	if version != req.Version {
		return fmt.Errorf("version is %s, but %s was asked for; write Version: %%{_version} in the spec", version, req.Version)
	}
	if !strings.HasSuffix(release, req.Target.Suffix) {
		return fmt.Errorf("release %s does not end in %s; write Release: g1%%{?dist} in the spec", release, req.Target.Suffix)
	}
	return nil
}

// packages are the names that the specs declare.
func (c choice) packages() []string {
	var names []string
	for _, s := range c.specs {
		names = append(names, s.packages...)
	}
	return names
}

// declares says that a spec makes a package of this name. A source package has
// the main name; an EL root adds debug packages by itself.
func (c choice) declares(pkg packagebuild.Package) bool {
	name := pkg.Name
	for _, s := range c.specs {
		if pkg.Source && name == s.name {
			return true
		}
		declared := s.open || slices.Contains(s.packages, name) || name == s.name+"-debugsource" ||
			slices.Contains(s.packages, strings.TrimSuffix(name, "-debuginfo"))
		if !pkg.Source && declared {
			return true
		}
	}
	return false
}
