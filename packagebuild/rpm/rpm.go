// Package rpm builds RPM packages for Enterprise Linux with rpmbuild.
//
// A spec is a program: %(...) in it runs a shell while it is parsed. So planning
// reads specs with a reader of its own, which runs nothing and knows only what is
// written literally, and rpmbuild runs in the root alone. Where that root is
// Debian's, the build brings what an EL root would have had: the macros of the
// distribution (el.macros) and Debian packages in place of BuildRequires.
package rpm

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"slipway.dev/slipway/packagebuild"
)

// Format is the RPM package format.
type Format struct {
	root string // where the build's folder is seen by its steps
}

var _ packagebuild.Format = Format{}

// New returns the format; it has no state and serves builds side by side.
func New() Format { return Format{root: packagebuild.BuildRoot} }

// validVersion is what rpm takes for a version; a dash would end it.
var validVersion = regexp.MustCompile(`^[A-Za-z0-9._+~^]+$`)

// arches maps a target's arch to rpm's name for it and Debian's for its tools.
var arches = map[string]struct{ rpm, triplet string }{
	"amd64": {"x86_64", "x86_64-linux-gnu"},
	"arm64": {"aarch64", "aarch64-linux-gnu"},
}

// Plan reads the target's specs and says what building them takes.
func (f Format) Plan(req packagebuild.Request) (packagebuild.Plan, error) {
	var plan packagebuild.Plan
	if err := validate(req); err != nil {
		return plan, err
	}
	chosen, err := readSpecs(req)
	if err != nil {
		return plan, err
	}
	plan.Notes = slices.Concat(chosen.notes, notes(req))
	needs := newNeeds(req.Target)
	for _, s := range chosen.specs {
		if err := s.check(req); err != nil {
			return packagebuild.Plan{}, err
		}
		needs.add(s)
		plan.Notes = append(plan.Notes, s.notes...)
		plan.Go = plan.Go || s.usesGo
	}
	plan.Go = plan.Go || isGoModule(req.Source)
	plan.Dependencies, plan.NativeDependencies = needs.debian(), needs.native()
	plan.Notes = append(append(plan.Notes, needs.notes...), needs.linked()...)
	for _, s := range chosen.specs {
		plan.Steps = append(plan.Steps, f.step(req, plan.Go, s))
	}
	return plan, nil
}

// notes are the target's own facts for the release.
func notes(req packagebuild.Request) []string {
	var all []string
	if req.Target.Root.Note != "" {
		all = append(all, req.Target.Root.Note)
	}
	if isSecond(req.Target) {
		all = append(all, "source and noarch packages come from the target of the same release for amd64")
	}
	if req.Check && isCross(req.Target) {
		all = append(all, "the package's own tests do not run in a cross build")
	}
	return all
}

func validate(req packagebuild.Request) error {
	if !validVersion.MatchString(req.Version) {
		return fmt.Errorf("version %q is no rpm version; use letters, digits and . _ + ~ ^ alone", req.Version)
	}
	if _, known := arches[req.Target.Arch]; !known {
		return fmt.Errorf("target %s: arch %q has no rpm name here; say amd64 or arm64", req.Target.Name, req.Target.Arch)
	}
	return nil
}

func isGoModule(source packagebuild.Source) bool {
	info, err := os.Lstat(filepath.Join(source.Tree(), "go.mod"))
	return err == nil && info.Mode().IsRegular()
}

// step builds one spec. Each has folders of its own for its results, so that two
// specs that make the same file name are found out instead of one winning.
func (f Format) step(req packagebuild.Request, goBuild bool, s *spec) packagebuild.Step {
	args := []string{"rpmbuild", what(req.Target), "--target", arches[req.Target.Arch].rpm + "-linux"}
	if inDebian(req.Target) {
		args = append(args, "--nodeps") // rpm's database knows none of Debian's packages
	}
	if !req.Check || isCross(req.Target) {
		args = append(args, "--nocheck")
	}
	top := path.Join(f.root, "rpmbuild")
	args = append(args,
		"--define", "_rpmdir "+path.Join(top, "RPMS", s.base()),
		"--define", "_srcrpmdir "+path.Join(top, "SRPMS", s.base()),
		path.Join(top, "SPECS", s.base()+".spec"))
	return packagebuild.Step{Name: "rpmbuild " + s.base(), Args: args, Dir: f.root, Env: f.env(req, goBuild)}
}

// what asks for source and binary packages, or for the latter alone.
func what(t packagebuild.Target) string {
	if isSecond(t) {
		return "-bb"
	}
	return "-ba"
}

// env is the build's environment. rpmbuild finds its macros through HOME.
func (f Format) env(req packagebuild.Request, goBuild bool) map[string]string {
	env := map[string]string{
		"HOME":              f.root,
		"RELEASE":           "g1" + req.Target.Suffix,
		"SOURCE_DATE_EPOCH": strconv.FormatInt(req.Source.Time.Unix(), 10),
		"TARGET_VERSION":    req.Target.TargetVersion,
		"VERSION":           req.Version,
	}
	if inDebian(req.Target) {
		env["PKG_CONFIG_PATH"] = path.Join(f.root, pkgConfigFolder)
	}
	if goBuild {
		env["GOARCH"] = req.Target.Arch
	}
	if isCross(req.Target) {
		triplet := arches[req.Target.Arch].triplet
		env["CC"], env["CXX"] = triplet+"-gcc", triplet+"-g++"
	}
	return env
}

// inDebian says that the build's root is Debian's, and so must play EL.
func inDebian(t packagebuild.Target) bool { return t.Root.Suite != "" }

// isSecond says that another target of the release makes the source and noarch
// packages, whose file names do not tell an arch: amd64's.
func isSecond(t packagebuild.Target) bool { return t.Arch != "amd64" }

// isCross says that Debian's compilers for another arch are called by name. On a
// machine of that arch the same names work.
func isCross(t packagebuild.Target) bool { return inDebian(t) && isSecond(t) }

// packaging opens the tree's packaging/ so that no link in it leads out of the source.
func packaging(source packagebuild.Source) (fs.FS, func() error, error) {
	root, err := os.OpenRoot(source.Dir)
	if err != nil {
		return nil, nil, fmt.Errorf("open source: %w", err)
	}
	sub, err := fs.Sub(root.FS(), path.Join(filepath.ToSlash(filepath.Clean(source.BuildDir)), "packaging"))
	if err != nil {
		return nil, nil, fmt.Errorf("open packaging below %s: %w", source.Tree(), err)
	}
	return sub, root.Close, nil
}

// base is the spec's file name without .spec: unique in its folder.
func (s *spec) base() string { return strings.TrimSuffix(path.Base(s.path), ".spec") }
