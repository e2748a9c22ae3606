package root

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/sandbox"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/packagebuild"
)

var bookworm = packagebuild.Target{
	Name: "deb12", Format: "deb", Arch: "amd64", Suffix: "+deb12", Root: packagebuild.Root{Suite: "bookworm"},
}

// shared is a manager of the cache that all tests of this machine share, so that a
// real root is made once.
func shared(t *testing.T) *Manager {
	t.Helper()
	need.Root(t)
	need.Tool(t, "mmdebstrap", "mmdebstrap")
	m := &Manager{Log: logTo(testWriter{t})}
	t.Cleanup(func() { m.Close() })
	return m
}

type testWriter struct{ testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

func mustRoot(t *testing.T, m *Manager, needs Needs) *Root {
	t.Helper()
	root, err := m.Root(t.Context(), bookworm, needs)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestCompile(t *testing.T) {
	m := shared(t)
	root := mustRoot(t, m, Needs{})
	start := time.Now()
	again := mustRoot(t, m, Needs{})
	if took := time.Since(start); took > 50*time.Millisecond {
		t.Errorf("a cached root took %v, want under 50 ms", took)
	}
	if diff := cmp.Diff(root, again); diff != "" {
		t.Errorf("a cached root (-first +second):\n%s", diff)
	}
	var out bytes.Buffer
	err := m.inside(t.Context(), root.Layers, &out, "sh", "-ec", `
		printf '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n' > /tmp/x.c
		gcc -o /tmp/x /tmp/x.c; /tmp/x; dpkg-buildpackage --version | head -1 | cut -d' ' -f2; getent hosts localhost | cut -d' ' -f1`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("hello\ndpkg-buildpackage\n::1\n", out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if exists(root.Layers[0] + "/tmp/x.c") {
		t.Errorf("a build changed its root")
	}
}

func TestBuildDependencies(t *testing.T) {
	m := shared(t)
	base := mustRoot(t, m, Needs{})
	root := mustRoot(t, m, Needs{Dependencies: []string{"debhelper (>= 9), libcurl4-openssl-dev, libjson-c-dev | libjson0-dev", "libpam-dev"}})
	if len(root.Layers) != 2 || root.Layers[1] != base.Layers[0] {
		t.Errorf("layers: got %v over %v", root.Layers, base.Layers)
	}
	for _, name := range []string{"debhelper", "libcurl4-openssl-dev", "libjson-c-dev", "libpam0g-dev", "gcc"} {
		if !slices.ContainsFunc(root.Packages, func(p LockedPackage) bool { return p.Name == name }) {
			t.Errorf("%s is not in the lock", name)
		}
	}
	for _, p := range root.Packages {
		if len(p.SHA256) != 64 || p.Version == "" || p.Architecture == "" {
			t.Errorf("not pinned: %+v", p)
		}
	}
	left := []string{}
	for _, pattern := range []string{"needs", "archives", "root/var/cache/apt/archives/*.deb", "root/var/cache/apt/*.bin", "root/run/*"} {
		found, _ := filepath.Glob(filepath.Join(filepath.Dir(root.Layers[0]), pattern))
		left = append(left, found...)
	}
	if len(left) > 0 {
		t.Errorf("left in the layer: %v", left)
	}
}

// TestChecksum compares the lock with a package as the archive serves it.
func TestChecksum(t *testing.T) {
	m := shared(t)
	root := mustRoot(t, m, Needs{})
	dir := t.TempDir()
	err := sandbox.Run(t.Context(), sandbox.Config{
		Lower: root.Layers, Work: m.folder(scratchFolder), Network: true, Profile: sandbox.Install, Env: toolEnv(),
		Binds: []sandbox.Bind{{Source: dir, Target: "/out"}}, Dir: "/out", Args: []string{"apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", "hostname"},
	})
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(dir + "/hostname_*.deb")
	if len(files) != 1 {
		t.Fatalf("downloaded %v", files)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	for _, p := range root.Packages {
		if p.Name == "hostname" && p.SHA256 == hex.EncodeToString(sum[:]) {
			return
		}
	}
	t.Errorf("%s has sha256 %x, which the lock does not name", files[0], sum)
}

func TestUnsatisfiable(t *testing.T) {
	m := shared(t)
	_, err := m.Root(t.Context(), bookworm, Needs{Dependencies: []string{"debhelper (>= 99), no-such-package-dev"}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"deb12", "bookworm", "no-such-package-dev but it is not installable", "debhelper (>= 99)"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if lines := strings.Count(err.Error(), "\n"); lines > 5 {
		t.Errorf("the error has %d lines", lines)
	}
}

func TestBootstrapFails(t *testing.T) {
	m := shared(t)
	m.Cache, m.Mirror = t.TempDir(), "http://127.0.0.1:1"
	_, err := m.Root(t.Context(), bookworm, Needs{})
	if err == nil || !strings.Contains(err.Error(), "make root bookworm: mmdebstrap of bookworm") || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(m.Cache + "/*ing/*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	t.Setenv("PATH", "/nowhere")
	_, err = m.Root(t.Context(), bookworm, Needs{})
	if err == nil || !strings.Contains(err.Error(), "apt-get install --no-install-recommends mmdebstrap") {
		t.Errorf("without mmdebstrap: got %v", err)
	}
}

// TestBootstrapCanceled checks that mmdebstrap and all its children end with us.
func TestBootstrapCanceled(t *testing.T) {
	m := shared(t)
	m.Cache = t.TempDir()
	if err := m.prepare(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	tree := filepath.Join(m.folder(makingFolder), "tree")
	if _, err := m.bootstrap(ctx, bookworm.Root, tree, io.Discard); err == nil {
		t.Fatal("no error")
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		using := using(t, tree)
		if len(using) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still running: %v", using)
		}
	}
}

// using lists processes that name the folder, or see mounts in it.
func using(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	for _, file := range []string{"cmdline", "mountinfo"} {
		paths, err := filepath.Glob("/proc/[0-9]*/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(dir)) {
				found = append(found, path)
			}
		}
	}
	return found
}
