package lint

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/junit"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/packagebuild"
)

// host runs the linters of this machine.
type host struct{}

func (host) Run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	return exec.Output(ctx, exec.Cmd{Args: args, Dir: dir})
}

// canned answers with what a linter once printed.
type canned struct {
	out string
	err error
}

func (c canned) Run(context.Context, string, ...string) ([]byte, error) { return []byte(c.out), c.err }

func sample(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParseLintian(t *testing.T) {
	got, err := parseLintian(sample(t, "lintian.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]Finding{"over.deb": {
		{Severity: Error, Tag: "extended-description-is-empty"},
		{Severity: Error, Tag: "file-in-etc-not-marked-as-conffile", File: "etc/hello.conf"},
		{Severity: Error, Tag: "no-changelog", Details: "usr/share/doc/hello-guest/changelog.Debian.gz (non-native package)"},
		{Severity: Warning, Tag: "no-manual-page", File: "usr/bin/hello"},
		{Severity: Warning, Tag: "recommended-field", Details: "over.deb Priority"},
		{Severity: Warning, Tag: "recommended-field", Details: "over.deb Section"},
		{Severity: Warning, Tag: "undeclared-elf-prerequisites", Details: "(libc.so.6)", File: "usr/bin/hello"},
		{Severity: Info, Tag: "hardening-no-bindnow", File: "usr/bin/hello"},
		{Severity: Info, Tag: "no-md5sums-control-file"},
		{Severity: Error, Tag: "no-copyright-file", Overridden: true},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parseLintian (-want +got):\n%s", diff)
	}
}

func TestParseRpmlint(t *testing.T) {
	got := parseRpmlint(sample(t, "rpmlint.txt"))
	want := []Finding{
		{Severity: Warning, Tag: "summary-ended-with-dot", Details: "Says hello."},
		{Severity: Error, Tag: "no-signature"},
	}
	picked := []Finding{}
	for _, f := range got {
		if f.Tag == want[0].Tag || f.Tag == want[1].Tag {
			picked = append(picked, f)
		}
	}
	if diff := cmp.Diff(want, picked); diff != "" {
		t.Errorf("parseRpmlint (-want +got):\n%s", diff)
	}
	for _, f := range got {
		if strings.Contains(f.Details, "configuration") || strings.Contains(f.Details, "checked;") {
			t.Errorf("header or summary became part of a finding: %q", f)
		}
	}
}

// Lines as rpmlint 1.x and 2.x print them.
func TestRpmlintLines(t *testing.T) {
	const summary = " 1 packages and 0 specfiles checked; 4 errors, 7 warnings, 4 badness; has taken 0.2 s\n"
	for _, test := range []struct {
		line string
		want []Finding
	}{
		{"hello-guest.x86_64: E: no-signature\n", []Finding{{Severity: Error, Tag: "no-signature"}}},
		{"hello-guest.x86_64: W: non-conffile-in-etc /etc/hello.conf\n",
			[]Finding{{Severity: Warning, Tag: "non-conffile-in-etc", Details: "/etc/hello.conf"}}},
		{"hello.spec:12: W: setup-not-quiet\n", []Finding{{Severity: Warning, Tag: "setup-not-quiet"}}},
		{"a.noarch: I: checking-url https://example.com/ (timeout 10 seconds)\n",
			[]Finding{{Severity: Info, Tag: "checking-url", Details: "https://example.com/ (timeout 10 seconds)"}}},
		{"a.noarch: E: description-line-too-long one\ntwo\n\n",
			[]Finding{{Severity: Error, Tag: "description-line-too-long", Details: "one\ntwo"}}},
		{"checks: 26, packages: 1\n", []Finding{}},
	} {
		if diff := cmp.Diff(test.want, parseRpmlint([]byte(test.line+summary))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.line, diff)
		}
	}
}

func TestRunHost(t *testing.T) {
	need.Tool(t, "lintian", "lintian")
	need.Tool(t, "rpmlint", "rpmlint")
	dir := t.TempDir()
	packages := []packagebuild.Package{
		{Format: "deb", Path: makeDeb(t, dir)},
		{Format: "rpm", Path: makeRPM(t, dir)},
		{Format: "deb", Path: write(t, dir, "broken.deb", "no deb")},
		{Format: "rpm", Path: write(t, dir, "broken.rpm", "no rpm")},
		{Format: "goo", Path: write(t, dir, "broken.goo", "no goo")},
	}
	reports, err := Run(t.Context(), host{}, packages)
	if err != nil {
		t.Fatal(err)
	}
	for i, tag := range []string{"no-copyright-file", "no-changelogname-tag", "unreadable-package", "unreadable-package", "unreadable-package"} {
		if !hasTag(reports[i].Errors(), tag) {
			t.Errorf("%s: no error %s in %v", reports[i].Package, tag, reports[i].Findings)
		}
	}
	for _, suite := range Suites(reports) {
		if suite.Failed() == 0 {
			t.Errorf("suite %s has no failure", suite.Name)
		}
	}
}

func hasTag(findings []Finding, tag string) bool {
	for _, f := range findings {
		if f.Tag == tag {
			return true
		}
	}
	return false
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func makeDeb(t *testing.T, dir string) string {
	t.Helper()
	need.Tool(t, "dpkg-deb", "dpkg")
	write(t, dir, "tree/DEBIAN/control", "Package: hello-guest\nVersion: 1:20261121.00-g1+deb12\nArchitecture: all\n"+
		"Maintainer: A <a@example.com>\nDescription: says hello\n")
	path := filepath.Join(dir, "hello.deb")
	mustRun(t, dir, "dpkg-deb", "--build", "--root-owner-group", "tree", path)
	return path
}

func makeRPM(t *testing.T, dir string) string {
	t.Helper()
	need.Tool(t, "rpmbuild", "rpm")
	write(t, dir, "hello.spec", "Name: hello-guest\nVersion: 20261121.00\nRelease: g1.el9\nSummary: says hello\n"+
		"License: Apache-2.0\nBuildArch: noarch\n%description\nsays hello\n%files\n")
	mustRun(t, dir, "rpmbuild", "--quiet", "-bb", "--define", "_topdir "+dir, "--define", "_rpmdir "+dir,
		"--define", "_rpmfilename hello.rpm", "hello.spec")
	return filepath.Join(dir, "hello.rpm")
}

func mustRun(t *testing.T, dir string, args ...string) {
	t.Helper()
	if err := exec.Run(t.Context(), exec.Cmd{Args: args, Dir: dir}); err != nil {
		t.Fatal(err)
	}
}

func TestRunWithoutLinter(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for format, name := range map[string]string{"deb": "lintian", "rpm": "rpmlint"} {
		_, err := Run(t.Context(), host{}, []packagebuild.Package{{Format: format, Path: "/nowhere/p." + format}})
		if err == nil || !strings.Contains(err.Error(), "install the Debian package "+name) {
			t.Errorf("%s: %v, want the package to install", format, err)
		}
	}
}

func TestRunRefusesOutputItCannotRead(t *testing.T) {
	for name, c := range map[string]canned{
		"other output": {out: "E: hello: no-copyright-file\n"},
		"cut off":      {out: `{"groups":[`},
		"killed":       {err: errors.New("signal: killed")},
	} {
		if got, err := Run(t.Context(), c, []packagebuild.Package{{Format: "deb", Path: "p.deb"}}); err == nil {
			t.Errorf("%s: %v, want an error", name, got)
		}
	}
}

func TestExited(t *testing.T) {
	for code, want := range map[string]bool{"0": true, "1": true, "64": true, "125": false, "127": false, "137": false} {
		err := exec.Run(t.Context(), exec.Cmd{Args: []string{"sh", "-c", "exit " + code}})
		if got := exited(err); got != want {
			t.Errorf("exit code %s: exited = %v, want %v", code, got, want)
		}
	}
	if exited(errors.New("no such root")) {
		t.Error("a runner that failed counts as a linter that ran")
	}
}

// A linter that dies half-way must not look like one that found little.
func TestRpmlintCutOff(t *testing.T) {
	reports, err := Run(t.Context(), canned{out: "hello.x86_64: W: no-documentation\n"}, []packagebuild.Package{{Format: "rpm", Path: "p.rpm"}})
	if err != nil {
		t.Fatal(err)
	}
	if !hasTag(reports[0].Errors(), "unreadable-package") {
		t.Errorf("findings %v, want unreadable-package", reports[0].Findings)
	}
}

func makeGoo(t *testing.T, spec string, names ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hello.x86_64.1.0@1.goo")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	zip := gzip.NewWriter(out)
	archive := tar.NewWriter(zip)
	add := func(name, text string) error {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			return err
		}
		_, err := archive.Write([]byte(text))
		return err
	}
	for _, name := range names {
		err = errors.Join(err, add(name, ""))
	}
	if err := errors.Join(err, add("hello.pkgspec", spec), archive.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckGoo(t *testing.T) {
	const good = `{"Name":"hello","Version":"20261121.0.0@1","Arch":"x86_64","Description":"d","License":"l","Install":{"Path":"googet/in.ps1"},"Uninstall":{"Path":"googet\\out.ps1"}}`
	for _, test := range []struct {
		name, spec string
		files      []string
		want       []Finding
	}{
		{"good", good, []string{"googet/in.ps1", "./googet/out.ps1"}, nil},
		{"scripts missing", good, []string{"in.ps1"}, []Finding{
			{Severity: Error, Tag: "install-script-missing", File: "googet/in.ps1"},
			{Severity: Error, Tag: "uninstall-script-missing", File: `googet\out.ps1`},
		}},
		{"bare", `{"Name":"hello","Version":"1.0.0","Arch":"noarch"}`, nil, []Finding{
			{Severity: Error, Tag: "version-without-release"},
			{Severity: Warning, Tag: "no-description"},
			{Severity: Warning, Tag: "no-license"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			report, err := checkGoo(makeGoo(t, test.spec, test.files...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, report.Findings, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Finding{}, "Details")); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSuites(t *testing.T) {
	got := Suites([]Report{{Package: "a.deb", Linter: "lintian", Findings: []Finding{
		{Severity: Error, Tag: "t", Details: "one", File: "etc/a"},
		{Severity: Warning, Tag: "w"},
		{Severity: Error, Tag: "t", Details: "two"},
		{Severity: Error, Tag: "known", Overridden: true},
	}}, {Package: "b.deb", Linter: "lintian"}})
	want := []junit.Suite{
		{Name: "a.deb", Cases: []junit.Case{
			{Name: "lintian", Class: "lintian", Output: "W: w\nE: known (overridden)\n"},
			{Name: "t", Class: "lintian", Failure: &junit.Message{Line: "E: t one [etc/a]", Text: "E: t one [etc/a]\nE: t two\n"}},
		}},
		{Name: "b.deb", Cases: []junit.Case{{Name: "lintian", Class: "lintian"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Suites (-want +got):\n%s", diff)
	}
}
