package build

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"slipway.dev/slipway/config"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/sandbox"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/packagebuild"
	"slipway.dev/slipway/packagebuild/root"
)

func TestMain(m *testing.M) {
	sandbox.Enter()
	os.Exit(m.Run())
}

const testVersion = "20261121.00"

// debSource writes a Debian source that needs nothing but what every root has. Its
// rules make the package probe of what the lines of shell put into $OUT.
func debSource(t *testing.T, lines ...string) packagebuild.Source {
	t.Helper()
	files := map[string]string{
		"packaging/debian/control": `Source: probe
Section: misc
Priority: optional
Maintainer: Tester <tester@example.com>
Rules-Requires-Root: no

Package: probe
Architecture: all
Description: tells what it saw
 Made by a test.
`,
		"packaging/debian/rules": `#!/usr/bin/make -f
clean build build-arch build-indep binary-arch:
binary binary-indep:
	OUT=debian/probe/usr/share/probe sh -e ./make.sh
	mkdir -p debian/probe/DEBIAN
	dpkg-gencontrol -Pdebian/probe
	dpkg-deb --root-owner-group --build debian/probe ..
`,
		"make.sh": "mkdir -p $OUT\n" + strings.Join(lines, "\n") + "\n",
	}
	dir := filepath.Join(t.TempDir(), "probe")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[name]), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return packagebuild.Source{Dir: dir, Time: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
}

// deb12 asks for a source's Debian 12 packages.
func deb12(t *testing.T, src packagebuild.Source) packagebuild.Request {
	t.Helper()
	table, err := packagebuild.ParseTargets("targets.yaml", config.Targets)
	if err != nil {
		t.Fatal(err)
	}
	picked, err := table.Select([]string{"deb12"})
	if err != nil {
		t.Fatal(err)
	}
	return packagebuild.Request{Source: src, Target: picked[0], Version: testVersion}
}

// onHost is a builder in this machine's own root, which is the quick way.
func onHost(t *testing.T) *Builder {
	t.Helper()
	need.Root(t)
	need.Tool(t, "dpkg-buildpackage", "dpkg-dev")
	silent := logrus.New()
	silent.SetOutput(io.Discard)
	return &Builder{Work: t.TempDir(), Logs: t.TempDir(), ID: "https://slipway.dev/test", Log: logrus.NewEntry(silent)}
}

// inCleanRoot is a builder in clean roots from the cache that everybody shares.
func inCleanRoot(t *testing.T) *Builder {
	t.Helper()
	need.Tool(t, "mmdebstrap", "mmdebstrap")
	b := onHost(t)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	b.Roots = &root.Manager{Cache: filepath.Join(cache, "slipway", "roots"), Log: b.Log}
	t.Cleanup(func() { _ = b.Roots.Close() })
	return b
}

// content is everything in a .deb, uncompressed.
func content(t *testing.T, path string) string {
	t.Helper()
	var all strings.Builder
	for _, part := range []string{"--fsys-tarfile", "--ctrl-tarfile"} {
		err := exec.Run(t.Context(), exec.Cmd{Args: []string{"dpkg-deb", part, path}, Stdout: &all})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// names are what lies in a folder, hidden files among it.
func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := []string{}
	for _, e := range list {
		found = append(found, e.Name())
	}
	return found
}
