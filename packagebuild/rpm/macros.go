package rpm

import (
	"embed"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"slipway.dev/slipway/packagebuild"
)

// The files by which rpmbuild takes its macros and settings from HOME.
// Its --load would be plainer, but --target makes it forget what that loaded.
const (
	macrosFile   = ".rpmmacros"
	settingsFile = ".rpmrc"
)

// elMacros is what rpm lacks in a Debian root.
//
//go:embed el.macros
var elMacros string

// pkgConfigFiles are what pkg-config says in an EL root and not, or otherwise, in
// Debian's: where systemd, udev and dracut look for files.
//
//go:embed pkgconfig
var pkgConfigFiles embed.FS

// pkgConfigFolder is where they are, here and in the build's folder.
const pkgConfigFolder = "pkgconfig"

// literals is the macros that a build defines and whose values say all: those
// that the spec reader knows too.
func literals(req packagebuild.Request) scope {
	s := scope{
		"_arch":            arches[req.Target.Arch].rpm,
		"_version":         req.Version,
		"dist":             req.Target.Suffix,
		"has_extra_source": "0",
		"nil":              "",
		"_isa":             "", // of no use for naming a package
	}
	if req.Source.Extra != nil {
		s["has_extra_source"] = "1"
	}
	maps.Copy(s, req.Target.Macros)
	return s
}

// macros renders the macro file of a build.
func (f Format) macros(req packagebuild.Request, plan packagebuild.Plan) string {
	var b strings.Builder
	b.WriteString("# What this build defines.\n")
	defined := literals(req)
	for _, builtIn := range []string{"nil", "_isa", "_arch"} {
		delete(defined, builtIn)
	}
	maps.Copy(defined, f.places(plan))
	for _, name := range slices.Sorted(maps.Keys(defined)) {
		b.WriteString("%" + name + " " + defined[name] + "\n")
	}
	b.WriteString(reproducible)
	b.WriteString("\n# The processors that the build may use.\n%_smp_build_ncpus " + jobs(req) + "\n%_smp_mflags -j" + jobs(req) + "\n")
	if inDebian(req.Target) {
		b.WriteString("\n" + elMacros)
	}
	if isCross(req.Target) {
		b.WriteString("\n" + crossTools(arches[req.Target.Arch].triplet))
	}
	return b.String()
}

func (f Format) places(plan packagebuild.Plan) scope {
	s := scope{"_topdir": path.Join(f.root, "rpmbuild"), "_go": "UNSET", "_gopath": "UNSET"}
	if plan.Go {
		s["_go"], s["_gopath"] = path.Join(packagebuild.GoRoot, "bin/go"), packagebuild.GoPath
	}
	return s
}

func jobs(req packagebuild.Request) string { return strconv.Itoa(max(req.Jobs, 1)) }

// reproducible makes equal sources give equal bytes. The payload is xz, which
// rpm reads on every EL, at EL8's level, and without a T in the mode, which
// would cut blocks by the number of threads.
const reproducible = `
# Equal sources give equal bytes.
%_buildhost reproducible
%use_source_date_epoch_as_buildtime 1
%clamp_mtime_to_source_date_epoch 1
%source_date_epoch_from_changelog 0
%_srcdefattr (-,root,root)
%_build_id_links none
%_source_payload w2.xzdio
%_binary_payload w2.xzdio
%_source_filedigest_algorithm 8
%_binary_filedigest_algorithm 8
`

// crossTools names the compilers and binutils of another arch.
func crossTools(triplet string) string {
	var b strings.Builder
	b.WriteString("# Tools for another arch.\n%_host " + triplet + "\n")
	for _, tool := range []struct{ macro, program string }{
		{"__ar", "ar"}, {"__as", "as"}, {"__cc", "gcc"}, {"__cpp", "gcc -E"}, {"__cxx", "g++"}, {"__ld", "ld"}, {"__nm", "nm"},
		{"__objcopy", "objcopy"}, {"__objdump", "objdump"}, {"__ranlib", "ranlib"}, {"__strip", "strip"},
	} {
		b.WriteString("%" + tool.macro + " " + triplet + "-" + tool.program + "\n")
	}
	return b.String()
}

// settings renders the settings of rpm for a Debian root: what rpm takes from
// its own rpmrc even if a macro says otherwise.
func settings(t packagebuild.Target) string {
	if !inDebian(t) {
		return ""
	}
	arch := arches[t.Arch].rpm
	text := "optflags: " + arch + " " + optflags[t.Arch] + "\n"
	if isCross(t) {
		// An amd64 machine refuses a BuildArch of another arch even for --target.
		text += "buildarch_compat: x86_64: " + arch + " noarch\n"
	}
	return text
}

// optflags are EL's compiler flags as far as Debian's compilers have them.
var optflags = map[string]string{
	"amd64": commonFlags + " -fstack-clash-protection -fcf-protection",
	"arm64": commonFlags + " -fstack-clash-protection -mbranch-protection=standard",
}

const commonFlags = "-O2 -g -pipe -Wall -Werror=format-security -Wp,-D_FORTIFY_SOURCE=2 -Wp,-D_GLIBCXX_ASSERTIONS" +
	" -fexceptions -fstack-protector-strong -fasynchronous-unwind-tables"
