// Package goo builds GooGet packages, the format of Windows guest software.
//
// A goospec says which program makes the files, which files go into the package,
// and where googet puts them. The package is a gzipped tar of the files and, last,
// of the specification that googet reads. The same tree makes the same bytes,
// and the code under build reaches the package only through regular files of its
// own tree: the goospecs are read from the sources, as they were before it ran.
package goo

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/version"
	"slipway.dev/slipway/packagebuild"
)

// Format is the GooGet package format.
type Format struct{}

var _ packagebuild.Format = Format{}

// New returns the format.
func New() Format { return Format{} }

const (
	formatName = "goo"
	specFolder = "packaging/googet"
	specSuffix = ".goospec"
	sourceName = "src" // the repository's folder in the build's
)

// buildFolder is where a root sees the folder that holds packaging/.
func buildFolder(source packagebuild.Source) string {
	return path.Join(packagebuild.BuildRoot, sourceName, cleanBase(source.BuildDir))
}

// Plan gives each goospec that fits the target one step, which runs its
// build.linux. Whatever can be seen to be wrong before the build is an error here.
func (Format) Plan(req packagebuild.Request) (packagebuild.Plan, error) {
	specs, notes, err := load(req)
	if err != nil {
		return packagebuild.Plan{}, err
	}
	usesGo, err := usesGo(req.Source)
	if err != nil {
		return packagebuild.Plan{}, err
	}
	plan := packagebuild.Plan{Go: usesGo, Notes: notes}
	for _, spec := range specs {
		if spec.Build.Linux == "" {
			plan.Notes = append(plan.Notes, spec.Path+" has no build.linux; its sources are packaged as they are")
			continue
		}
		plan.Steps = append(plan.Steps, step(req, spec))
	}
	return plan, nil
}

func step(req packagebuild.Request, spec *Spec) packagebuild.Step {
	program := spec.Build.Linux
	if !path.IsAbs(program) {
		program = path.Join(buildFolder(req.Source), specFolder, program)
	}
	return packagebuild.Step{
		Name: "build " + spec.Package.Name,
		Args: append([]string{program}, spec.Build.LinuxArgs...),
		Dir:  buildFolder(req.Source),
		Env:  environment(req),
	}
}

// environment is what every build is told. VERSION is the version of the
// goospec's template, so that a program and its package agree.
func environment(req packagebuild.Request) map[string]string {
	env := map[string]string{
		"VERSION":        version.Goo(req.Version),
		"RELEASE":        "g1" + req.Target.Suffix,
		"TARGET_VERSION": req.Target.TargetVersion,
	}
	if req.Source.Extra != nil {
		env["EXTRA_SOURCE"] = path.Join(packagebuild.BuildRoot, req.Source.Extra.Name())
	}
	return env
}

// usesGo says whether the tree or the extra source is a Go module.
func usesGo(source packagebuild.Source) (bool, error) {
	t, err := openSource(source)
	if err != nil {
		return false, err
	}
	defer t.Close()
	if _, err = t.stat("go.mod"); err == nil {
		return true, nil
	}
	if !isMissing(err) {
		return false, fmt.Errorf("look for go.mod: %w", err)
	}
	if source.Extra == nil {
		return false, nil
	}
	return usesGo(*source.Extra)
}

// fits says whether a machine of the target's architecture can install the
// package: 64-bit Windows on amd64 takes 32-bit packages too.
func fits(arch string, target packagebuild.Target) bool {
	return slices.Contains(installable(target.Arch), arch)
}

func installable(arch string) []string {
	switch arch {
	case "amd64":
		return []string{"noarch", "x86_64", "x86_32"}
	case "386":
		return []string{"noarch", "x86_32"}
	}
	return []string{"noarch", arch}
}

// checkVersion refuses a goospec that does not carry the version being built.
func checkVersion(pkg *PkgSpec, wanted string) error {
	if holds(pkg.Version, wanted) {
		return nil
	}
	return fmt.Errorf(`version %q does not hold %s, which is being built; write "version": "{{.version}}.0@1"`,
		pkg.Version, wanted)
}

// checkExtra refuses an extra source that would lie where the repository or
// the build's home does.
func checkExtra(extra *packagebuild.Source) error {
	if extra == nil {
		return nil
	}
	name := extra.Name()
	if name == sourceName || name == "home" || strings.HasPrefix(name, ".") || strings.Contains(name, "/") {
		return fmt.Errorf("extra source %s cannot be staged as %q; clone it from a repository of another name", extra.Dir, name)
	}
	return nil
}
