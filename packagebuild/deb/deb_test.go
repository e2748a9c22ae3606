package deb

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/packagebuild"
)

var update = flag.Bool("update", false, "write the golden files anew")

const commit = "0123456789abcdef0123456789abcdef01234567"

var (
	deb12      = packagebuild.Target{Name: "deb12", Format: "deb", Arch: "amd64", Suffix: "+deb12", TargetVersion: "bookworm"}
	deb12arm64 = packagebuild.Target{Name: "deb12_arm64", Format: "deb", Arch: "arm64", Suffix: "+deb12", TargetVersion: "bookworm"}
)

// greeter is a request to build the tree of that name in testdata.
func greeter() packagebuild.Request {
	return packagebuild.Request{
		Source: packagebuild.Source{
			Dir:        filepath.Join("testdata", "greeter"),
			Repository: "https://example.com/shop/greeter.git",
			Commit:     commit,
			CommitURL:  "https://example.com/shop/greeter/tree/" + commit,
			Time:       time.Date(2026, 11, 21, 1, 2, 3, 0, time.FixedZone("", 2*60*60)),
		},
		Target:  deb12,
		Version: "20261121.00",
		Jobs:    2,
	}
}

// withFiles gives the request a tree of its own: greeter's, with files written over it.
// An empty text removes a file or folder.
func withFiles(t *testing.T, files map[string]string) packagebuild.Request {
	t.Helper()
	req := greeter()
	dir := filepath.Join(t.TempDir(), "tree")
	if err := packagebuild.CopyTree(req.Source.Dir, dir, time.Time{}, nil); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		name = filepath.Join(dir, name)
		if text == "" {
			mustDo(t, os.RemoveAll(name))
			continue
		}
		mustDo(t, os.MkdirAll(filepath.Dir(name), 0o755))
		mustDo(t, os.WriteFile(name, []byte(text), 0o644))
	}
	req.Source.Dir = dir
	return req
}

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPlan(t *testing.T) {
	got, err := New().Plan(greeter())
	if err != nil {
		t.Fatal(err)
	}
	want := packagebuild.Plan{
		Dependencies: []string{"debhelper-compat (= 13)"},
		Steps: []packagebuild.Step{{
			Name: "dpkg-buildpackage",
			Args: []string{"dpkg-buildpackage", "-us", "-uc", "--build=binary"},
			Dir:  "/build/greeter-20261121.00",
			Env: map[string]string{
				"DEB_BUILD_OPTIONS": "noautodbgsym nocheck parallel=2",
				"HOME":              "/build",
				"RELEASE":           "g1+deb12",
				"SOURCE_DATE_EPOCH": "1795215723",
				"TARGET_VERSION":    "bookworm",
				"VERSION":           "20261121.00",
			},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

const goControl = `Source: agent
Maintainer: Some One <one@example.com>
Build-Depends: debhelper (>= 9.20160709),
# the toolchain
 dh-golang (>= 1.1), golang-go | gccgo-go,
 libpam-dev [linux-any] <!nocheck>,
Build-Depends-Indep: pandoc
Build-Depends-Arch: golang-1.22-go

Package: agent
Architecture: any

Package: agent-doc
Architecture: all
`

// dh-golang turns cgo on in cross builds, and with it dynamic programs out of static ones.
func TestPlanOfPureGo(t *testing.T) {
	for rules, want := range map[string]string{
		"export CGO_ENABLED := 0\n%:\n\tdh $@\n":         "-buildvcs=false -tags=netgo,osusergo",
		"%:\n\tdh $@\n\texport  CGO_ENABLED=0\n":         "-buildvcs=false -tags=netgo,osusergo",
		"# CGO_ENABLED := 0\n%:\n\tdh $@\n":              "",
		"%:\n\tCGO_ENABLED=0 go build; dh $@ --with x\n": "",
	} {
		req := withFiles(t, map[string]string{"packaging/debian/control": goControl, "packaging/debian/rules": rules})
		for _, req.Target = range []packagebuild.Target{deb12, deb12arm64} {
			plan, err := New().Plan(req)
			mustDo(t, err)
			wantHere := want
			if req.Target.Arch == "amd64" {
				wantHere = ""
			}
			if got := plan.Steps[0].Env["GOFLAGS"]; got != wantHere {
				t.Errorf("%s, rules %q: GOFLAGS %q, want %q", req.Target.Name, rules, got, wantHere)
			}
		}
	}
}

func TestPlanOfGo(t *testing.T) {
	native := withFiles(t, map[string]string{"packaging/debian/control": goControl})
	cross := native
	cross.Target, cross.Check = deb12arm64, true
	for _, row := range []struct {
		req                 packagebuild.Request
		dependencies, notes []string
		args, options       string
	}{{
		req:          native,
		dependencies: []string{"debhelper (>= 9.20160709)", "dh-golang (>= 1.1)", "libpam-dev [linux-any] <!nocheck>", "golang-1.22-go", "pandoc"},
		notes:        []string{"golang-go | gccgo-go: not installed, as the build uses the Go toolchain handed in"},
		args:         "dpkg-buildpackage -us -uc --build=binary",
		options:      "noautodbgsym nocheck parallel=2",
	}, {
		req: cross,
		dependencies: []string{"debhelper (>= 9.20160709)", "dh-golang (>= 1.1)", "libpam-dev [linux-any] <!nocheck>",
			"crossbuild-essential-arm64:native", "libc-dev", "libstdc++-dev"},
		notes: []string{
			"not built for arm64: agent-doc",
			"golang-go | gccgo-go, golang-1.22-go: not installed, as the build uses the Go toolchain handed in",
			"the package's own tests do not run in a cross build",
		},
		args:    "dpkg-buildpackage -us -uc --build=any -aarm64 -Pcross,nocheck",
		options: "noautodbgsym nocheck parallel=2",
	}} {
		t.Run(row.req.Target.Name, func(t *testing.T) {
			plan, err := New().Plan(row.req)
			if err != nil {
				t.Fatal(err)
			}
			if !plan.Go {
				t.Error("the plan does not say that it needs Go")
			}
			for what, diff := range map[string]string{
				"dependencies": cmp.Diff(row.dependencies, plan.Dependencies),
				"notes":        cmp.Diff(row.notes, plan.Notes),
				"arguments":    cmp.Diff(row.args, strings.Join(plan.Steps[0].Args, " ")),
				"options":      cmp.Diff(row.options, plan.Steps[0].Env["DEB_BUILD_OPTIONS"]),
			} {
				if diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
		})
	}
}

func TestPlanNotes(t *testing.T) {
	req := withFiles(t, map[string]string{"go.mod": "module m\n", "debian/control": "an old one"})
	req.Source.Commit, req.Source.CommitURL, req.Check = "", "", true
	plan, err := New().Plan(req)
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Go {
		t.Error("a tree with go.mod does not ask for Go")
	}
	if options := plan.Steps[0].Env["DEB_BUILD_OPTIONS"]; options != "noautodbgsym parallel=2" {
		t.Errorf("with Check, DEB_BUILD_OPTIONS is %q", options)
	}
	if len(plan.Notes) != 2 || !strings.Contains(plan.Notes[0], "no Git field") || !strings.Contains(plan.Notes[1], "own debian/") {
		t.Errorf("notes are %q", plan.Notes)
	}
}

func TestIsGo(t *testing.T) {
	for relation, want := range map[string]bool{
		"golang-go":                 true,
		"golang-any (>= 2:1.19)":    true,
		"golang (>= 2:1.21~)":       true,
		"golang-1.22-go":            true,
		"golang-1.22":               true,
		"dh-golang:native (>= 1.1)": true,
		"gccgo-go | golang-go":      true,
		"golang-github-pkg-dev":     false,
		"golang-src":                false,
		"libgolang-go":              false,
		"debhelper (>= 9)":          false,
	} {
		if got := isGo(relation); got != want {
			t.Errorf("isGo(%q) = %v, want %v", relation, got, want)
		}
	}
}

func TestFits(t *testing.T) {
	for _, row := range []struct {
		field, arch string
		cross, want bool
	}{
		{"any", "arm64", true, true},
		{"all", "amd64", false, true},
		{"all", "arm64", true, false},
		{"amd64 arm64", "arm64", true, true},
		{"amd64 i386", "arm64", true, false},
		{"linux-any", "amd64", false, true},
		{"any-arm64", "arm64", true, true},
		{"hurd-any", "amd64", false, false},
	} {
		if got := fits(row.field, row.arch, row.cross); got != row.want {
			t.Errorf("fits(%q, %s, %v) = %v", row.field, row.arch, row.cross, got)
		}
	}
}

// TestBadInput: each error names the place and the cure.
func TestBadInput(t *testing.T) {
	for _, row := range []struct {
		name  string
		files map[string]string
		edit  func(*packagebuild.Request)
		want  []string
	}{
		{"no packaging", map[string]string{"packaging": ""}, nil, []string{"has no packaging/debian;", "--build-dir"}},
		{"no control", map[string]string{"packaging/debian/control": ""}, nil, []string{"has no packaging/debian/control"}},
		{"no rules", map[string]string{"packaging/debian/rules": ""}, nil, []string{"has no packaging/debian/rules"}},
		{"no field", map[string]string{"packaging/debian/control": "Source: a\nwhat is this\n"}, nil, []string{"packaging/debian/control:2: ", "is no field"}},
		{"no package", map[string]string{"packaging/debian/control": "Source: a\n"}, nil, []string{"control: 1 paragraphs", "Package:"}},
		{"no maintainer", map[string]string{"packaging/debian/control": "Source: aa\n\nPackage: a\n"}, nil, []string{"control:1: ", "no Maintainer field"}},
		{"no architecture", map[string]string{"packaging/debian/control": "Source: aa\nMaintainer: b\n\nPackage: aa\n"}, nil, []string{"control:4: ", "no Architecture field"}},
		{"name that climbs", map[string]string{"packaging/debian/control": "Source: ../a\nMaintainer: b\n\nPackage: aa\n"}, nil, []string{"control:1: ", "no package name"}},
		{"folded maintainer", map[string]string{"packaging/debian/control": "Source: aa\nMaintainer: b\n c\n\nPackage: aa\n"}, nil, []string{"control:2: ", "more than one line"}},
		{"nothing for arm64", map[string]string{"packaging/debian/control": "Source: aa\nMaintainer: b\n\nPackage: aa\nArchitecture: all\n"},
			func(r *packagebuild.Request) { r.Target = deb12arm64 }, []string{"deb12_arm64", "no package for arm64"}},
		{"version", nil, func(r *packagebuild.Request) { r.Version = "../1" }, []string{`version "../1"`}},
		{"hyphen in version", nil, func(r *packagebuild.Request) { r.Version = "1-2" }, []string{`version "1-2"`}},
		{"no time", nil, func(r *packagebuild.Request) { r.Source.Time = time.Time{} }, []string{"has no time"}},
		{"build folder outside", nil, func(r *packagebuild.Request) { r.Source.BuildDir = "../.." }, []string{"../..", "--build-dir"}},
		{"commit URL of something else", nil, func(r *packagebuild.Request) { r.Source.CommitURL = "https://example.com/" }, []string{"does not end in commit"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			req := withFiles(t, row.files)
			if row.edit != nil {
				row.edit(&req)
			}
			_, err := New().Plan(req)
			wantError(t, err, row.want...)
		})
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error is %q, want %q in it", err, part)
		}
	}
}

func TestNoPackagingIsASentinel(t *testing.T) {
	_, err := New().Plan(withFiles(t, map[string]string{"packaging": ""}))
	if !errors.Is(err, packagebuild.ErrNoPackaging) {
		t.Errorf("error is %v, want ErrNoPackaging", err)
	}
}
