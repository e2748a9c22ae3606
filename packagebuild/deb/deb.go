// Package deb builds Debian packages with dpkg-buildpackage.
//
// The packaging in packaging/debian is the repository's; what says which
// version and commit it is (changelog, XB-Git) is made here, so that a package
// can neither claim another version than the one that is released nor hide
// where it comes from. Nothing of the repository's code runs in this package.
package deb

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"slipway.dev/slipway/packagebuild"
)

// Format is packagebuild.Format for .deb files.
type Format struct{}

var _ packagebuild.Format = Format{}

// New returns the deb format.
func New() Format { return Format{} }

// buildArch is the architecture of the machines that build; for another the build is a cross build.
const buildArch = "amd64"

// debianArch is Debian's word for one of Go's architectures.
func debianArch(arch string) string {
	switch arch {
	case "386":
		return "i386"
	case "arm":
		return "armhf"
	case "ppc64le":
		return "ppc64el"
	}
	return arch
}

// upstreamVersion is what Debian allows as the part between epoch and
// revision, less the hyphen, which would blur where the revision begins.
var upstreamVersion = regexp.MustCompile(`^[0-9][A-Za-z0-9.+~]*$`)

// release is the revision: g1 and the target's suffix, so that no two targets share a file name.
func release(req packagebuild.Request) string { return "g1" + req.Target.Suffix }

// fullVersion is the package's version, with the epoch that guest packages have.
func fullVersion(req packagebuild.Request) string {
	return "1:" + req.Version + "-" + release(req)
}

// Plan reads packaging/debian/control and says what the build takes.
func (Format) Plan(req packagebuild.Request) (packagebuild.Plan, error) {
	c, err := load(req)
	if err != nil {
		return packagebuild.Plan{}, err
	}
	arch, cross := debianArch(req.Target.Arch), isCross(req)
	built, left := c.builtFor(arch, cross)
	if len(built) == 0 {
		return packagebuild.Plan{}, fmt.Errorf("plan %s: %s builds no package for %s; take the target out, or widen an Architecture field",
			req.Target.Name, c.file, arch)
	}
	relations := c.buildDepends(cross)
	plan := packagebuild.Plan{
		Dependencies: relations,
		Go:           len(c.dropped) > 0 || slices.ContainsFunc(relations, isGo) || hasGoModule(req.Source),
		Notes:        notes(req, c, left),
	}
	if cross {
		plan.Dependencies = slices.Concat(relations, crossTools(arch))
	}
	plan.Steps = []packagebuild.Step{{
		Name: "dpkg-buildpackage",
		Args: buildArgs(arch, cross),
		Dir:  packagebuild.BuildRoot + "/" + c.folder(req),
		Env:  buildEnv(req, c),
	}}
	return plan, nil
}

// load checks the request and reads the packaging that it is about.
func load(req packagebuild.Request) (control, error) {
	if !upstreamVersion.MatchString(req.Version) {
		return control{}, fmt.Errorf("version %q cannot be a Debian version; want digits first, then letters, digits, '.', '+' or '~'", req.Version)
	}
	if req.Source.Time.IsZero() {
		return control{}, fmt.Errorf("source %s has no time; the changelog needs one", req.Source.Dir)
	}
	if url := commitURL(req.Source); !strings.HasSuffix(url, req.Source.Commit) {
		return control{}, fmt.Errorf("commit URL %s does not end in commit %s; packages would not pass their check", url, req.Source.Commit)
	}
	c, err := readControl(req.Source)
	return c.withoutGo(isCross(req)), err
}

func isCross(req packagebuild.Request) bool { return debianArch(req.Target.Arch) != buildArch }

// buildArgs is the command. Binaries only: see docs/deb.md. A cross build
// leaves packages of Architecture: all to the native target of the same suffix,
// since both would give them the same file name.
func buildArgs(arch string, cross bool) []string {
	args := []string{"dpkg-buildpackage", "-us", "-uc"}
	if !cross {
		return append(args, "--build=binary")
	}
	return append(args, "--build=any", "-a"+arch, "-Pcross,nocheck")
}

func buildEnv(req packagebuild.Request, c control) map[string]string {
	cross := isCross(req)
	options := []string{"noautodbgsym"}
	if !req.Check || cross {
		options = append(options, "nocheck")
	}
	options = append(options, "parallel="+strconv.Itoa(max(req.Jobs, 1)))
	env := map[string]string{
		"DEB_BUILD_OPTIONS": strings.Join(options, " "),
		"HOME":              packagebuild.BuildRoot,
		"RELEASE":           release(req),
		"SOURCE_DATE_EPOCH": strconv.FormatInt(req.Source.Time.Unix(), 10),
		"VERSION":           req.Version,
	}
	if req.Target.TargetVersion != "" {
		env["TARGET_VERSION"] = req.Target.TargetVersion
	}
	if cross && c.pureGo {
		// dh-golang turns cgo on in cross builds, whatever debian/rules says. With
		// these tags nothing in Go's library makes use of it.
		env["GOFLAGS"] = "-buildvcs=false -tags=netgo,osusergo"
	}
	return env
}

func notes(req packagebuild.Request, c control, left []string) []string {
	var notes []string
	if commitURL(req.Source) == "" {
		notes = append(notes, "the packages carry no Git field: the source is a plain folder")
	}
	if len(left) > 0 {
		notes = append(notes, fmt.Sprintf("not built for %s: %s", req.Target.Arch, strings.Join(left, ", ")))
	}
	if info, err := os.Lstat(filepath.Join(c.tree, "debian")); err == nil && info.IsDir() {
		notes = append(notes, "the tree's own debian/ is left out: packaging/debian takes its place")
	}
	if len(c.dropped) > 0 {
		notes = append(notes, fmt.Sprintf("%s: not installed, as the build uses the Go toolchain handed in", strings.Join(c.dropped, ", ")))
	}
	if req.Check && isCross(req) {
		notes = append(notes, "the package's own tests do not run in a cross build")
	}
	return notes
}

// hasGoModule says whether the tree, or the extra source in it, is a Go module.
func hasGoModule(src packagebuild.Source) bool {
	info, err := os.Lstat(filepath.Join(src.Tree(), "go.mod"))
	if err == nil && info.Mode().Type() == fs.FileMode(0) {
		return true
	}
	return src.Extra != nil && hasGoModule(*src.Extra)
}
