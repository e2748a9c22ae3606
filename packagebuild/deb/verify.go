package deb

import (
	"fmt"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/packagebuild"
)

// Verify checks a package against the request and the repository's control
// file: what dpkg-buildpackage made is what debian/rules, the repository's
// code, wanted it to be.
func (Format) Verify(req packagebuild.Request, pkg packagebuild.Package) error {
	c, err := load(req)
	if err != nil {
		return err
	}
	if err := verify(req, c, pkg); err != nil {
		return fmt.Errorf("verify %s for %s: %w", filepath.Base(pkg.Path), req.Target.Name, err)
	}
	return nil
}

func verify(req packagebuild.Request, c control, pkg packagebuild.Package) error {
	arch := debianArch(req.Target.Arch)
	_, version, _ := strings.Cut(fullVersion(req), ":")
	file := fmt.Sprintf("%s_%s_%s", pkg.Name, version, pkg.Arch)
	switch {
	case !c.declares(pkg.Name):
		return fmt.Errorf("%s declares no package %q", c.file, pkg.Name)
	case pkg.Version != fullVersion(req):
		return fmt.Errorf("its version is %s, want %s; leave the version to the changelog", pkg.Version, fullVersion(req))
	case pkg.Arch != arch && pkg.Arch != "all":
		return fmt.Errorf("its architecture is %s, want %s or all", pkg.Arch, arch)
	case filepath.Base(pkg.Path) != file+filepath.Ext(pkg.Path):
		return fmt.Errorf("its file name does not say what it is: want %s.deb", file)
	case req.Source.Commit != "" && !strings.HasSuffix(pkg.Vcs, req.Source.Commit):
		return fmt.Errorf("its Git field is %q, which does not end in commit %s; debian/rules must keep XB-Git of debian/control", pkg.Vcs, req.Source.Commit)
	}
	return nil
}

// declares says whether control has the package; its debug symbols need no paragraph.
func (c control) declares(name string) bool {
	for _, p := range c.binaries {
		if p.Get("Package") == strings.TrimSuffix(name, "-dbgsym") {
			return true
		}
	}
	return false
}
