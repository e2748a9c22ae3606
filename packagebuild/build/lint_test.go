package build

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/config"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/packagebuild"
)

// A linter runs code of the package: rpmlint has rpm expand the spec of a source
// package. That must see and change as little of this machine as the build did.
func TestLintRunsInTheSandbox(t *testing.T) {
	need.Tool(t, "rpmbuild", "rpm")
	need.Tool(t, "rpmlint", "rpmlint")
	b, outside := onHost(t), t.TempDir()
	b.Lint = true
	mark := filepath.Join(outside, "mark")
	result, err := b.Build(t.Context(), el9(t, fmt.Sprintf("%%(touch %s; echo reached)", mark)), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the spec's code ran outside of the sandbox")
	}
	report := read(t, filepath.Join(b.Logs, "junit_lint_el9.xml"))
	if !strings.Contains(report, ".src.rpm") || len(result.Files) == 0 {
		t.Errorf("the source package was not linted:\n%s", report)
	}
}

// el9 asks for the packages of a spec whose summary is text.
func el9(t *testing.T, text string) packagebuild.Request {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "probe")
	if err := os.MkdirAll(filepath.Join(dir, "packaging"), 0o755); err != nil {
		t.Fatal(err)
	}
	spec := fmt.Sprintf(`Name: probe
Version: %%{_version}
Release: g1%%{?dist}
Summary: Tells %s
License: ASL 2.0
BuildArch: noarch
Source0: %%{name}_%%{version}.orig.tar.gz

%%description
Made by a test.

%%prep
%%autosetup

%%install
mkdir -p %%{buildroot}/usr/share/probe
echo hello > %%{buildroot}/usr/share/probe/greeting

%%files
/usr/share/probe
`, text)
	if err := os.WriteFile(filepath.Join(dir, "packaging", "probe.spec"), []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	table, err := packagebuild.ParseTargets("targets.yaml", config.Targets)
	if err != nil {
		t.Fatal(err)
	}
	picked, err := table.Select([]string{"el9"})
	if err != nil {
		t.Fatal(err)
	}
	return packagebuild.Request{
		Source: packagebuild.Source{Dir: dir, Time: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}, Target: picked[0], Version: testVersion,
	}
}
