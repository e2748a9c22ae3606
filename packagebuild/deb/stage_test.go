package deb

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/deb822"
	"slipway.dev/slipway/packagebuild"
)

func stageIn(t *testing.T, req packagebuild.Request) (dir string) {
	t.Helper()
	plan, err := New().Plan(req)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	mustDo(t, New().Stage(req, plan, dir))
	return dir
}

func TestStage(t *testing.T) {
	req := greeter()
	dir := stageIn(t, req)
	tree := filepath.Join(dir, "greeter-20261121.00")
	for _, name := range []string{"control", "changelog"} {
		golden(t, name, readFile(t, filepath.Join(tree, "debian", name)))
	}
	if info, err := os.Stat(filepath.Join(tree, "debian", "rules")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("debian/rules is %v, %v; want it executable", info.Mode(), err)
	}
	for _, name := range []string{"Makefile", "debian/control", "debian/changelog", "debian/greeter.service"} {
		if info, err := os.Stat(filepath.Join(tree, name)); err != nil || !info.ModTime().Equal(req.Source.Time) {
			t.Errorf("%s: %v; want the commit's time", name, err)
		}
	}
	want := []string{"", "Makefile", "src/", "src/greeter.1", "src/greeter.c", "src/greeter.conf"}
	got := listTarball(t, filepath.Join(dir, "greeter_20261121.00.orig.tar.gz"))
	for i := range want {
		want[i] = "greeter-20261121.00/" + want[i]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("orig tarball (-want +got):\n%s", diff)
	}
}

// golden compares text with a file of testdata/golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		mustDo(t, os.MkdirAll(filepath.Dir(file), 0o755))
		mustDo(t, os.WriteFile(file, []byte(got), 0o644))
	}
	if diff := cmp.Diff(readFile(t, file), got); diff != "" {
		t.Errorf("%s (-want +got; `go test -update` writes it anew):\n%s", file, diff)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	mustDo(t, err)
	return string(text)
}

func listTarball(t *testing.T, name string) (names []string) {
	t.Helper()
	f, err := os.Open(name)
	mustDo(t, err)
	defer f.Close()
	plain, err := gzip.NewReader(f)
	mustDo(t, err)
	for archive := tar.NewReader(plain); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		mustDo(t, err)
		names = append(names, h.Name)
	}
}

func TestStageOfPresubmit(t *testing.T) {
	req := greeter()
	req.Version = "0~pr12.abcdef0"
	dir := stageIn(t, req)
	text := readFile(t, filepath.Join(dir, "greeter-0~pr12.abcdef0", "debian", "changelog"))
	if want := "greeter (1:0~pr12.abcdef0-g1+deb12) stable;"; !strings.HasPrefix(text, want) {
		t.Errorf("changelog begins %q, want %q", text[:min(len(text), 60)], want)
	}
}

// dpkg-checkbuilddeps must not ask for a compiler that the root does not hold.
func TestStageOfGo(t *testing.T) {
	req := withFiles(t, map[string]string{"packaging/debian/control": goControl})
	cross := req
	cross.Target = deb12arm64
	for _, row := range []struct {
		req  packagebuild.Request
		want []string
	}{
		{req, []string{"debhelper (>= 9.20160709), dh-golang (>= 1.1), libpam-dev [linux-any] <!nocheck>", "golang-1.22-go"}},
		{cross, []string{"debhelper (>= 9.20160709), dh-golang (>= 1.1), libpam-dev [linux-any] <!nocheck>", ""}},
	} {
		dir := stageIn(t, row.req)
		paragraphs, err := deb822.Parse("control", []byte(readFile(t, filepath.Join(dir, "agent-20261121.00", "debian", "control"))))
		mustDo(t, err)
		got := []string{paragraphs[0].Get("Build-Depends"), paragraphs[0].Get("Build-Depends-Arch")}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.req.Target.Name, diff)
		}
	}
}

func TestStageOfPlainFolder(t *testing.T) {
	req := greeter()
	req.Source.Commit, req.Source.CommitURL = "", ""
	dir := stageIn(t, req)
	if text := readFile(t, filepath.Join(dir, "greeter-20261121.00", "debian", "control")); strings.Contains(text, "Git") {
		t.Errorf("control names a commit, though the source has none:\n%s", text)
	}
}

func TestStageOfSubfolderWithExtraSource(t *testing.T) {
	extra := t.TempDir()
	mustDo(t, os.MkdirAll(filepath.Join(extra, ".git"), 0o755))
	mustDo(t, os.MkdirAll(filepath.Join(extra, "packaging"), 0o755))
	mustDo(t, os.WriteFile(filepath.Join(extra, "main.go"), []byte("package main\n"), 0o644))
	req := withFiles(t, map[string]string{"debian/stale": "an upstream packaging"})
	req.Source.Dir, req.Source.BuildDir = filepath.Split(req.Source.Dir)
	req.Source.Extra = &packagebuild.Source{Dir: extra, Repository: "https://example.com/shop/plugin.git"}
	dir := stageIn(t, req)
	got := listTarball(t, filepath.Join(dir, "greeter_20261121.00.orig.tar.gz"))
	for name, want := range map[string]bool{"plugin/main.go": true, "plugin/packaging/": false, "debian/": false, "Makefile": true} {
		if slices.Contains(got, "greeter-20261121.00/"+name) != want {
			t.Errorf("%s in the orig tarball: want %v; it holds %q", name, want, got)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "greeter-20261121.00", "debian", "stale")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the tree's own debian/ was not replaced: %v", err)
	}
}

// TestStageStaysInside: a link in a repository reads or writes nothing of the machine.
func TestStageStaysInside(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	mustDo(t, os.MkdirAll(secret, 0o755))
	for _, name := range []string{"control", "rules", "changelog"} {
		mustDo(t, os.WriteFile(filepath.Join(secret, name), []byte(readFile(t, "testdata/greeter/packaging/debian/"+name)), 0o600))
	}
	for _, link := range []string{"packaging", "packaging/debian", "packaging/debian/control", "packaging/debian/rules"} {
		t.Run(link, func(t *testing.T) {
			req := withFiles(t, map[string]string{link: ""})
			to := secret
			if base := filepath.Base(link); base == "control" || base == "rules" {
				to = filepath.Join(secret, base)
			}
			mustDo(t, os.Symlink(to, filepath.Join(req.Source.Dir, link)))
			err := New().Stage(req, packagebuild.Plan{}, t.TempDir())
			wantError(t, err, req.Source.Dir)
		})
	}
	if info, err := os.Stat(filepath.Join(secret, "rules")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a file outside the tree became %v, %v", info.Mode(), err)
	}
}

func TestStageRefuses(t *testing.T) {
	req := withFiles(t, nil)
	mustDo(t, unix.Mkfifo(filepath.Join(req.Source.Dir, "src", "pipe"), 0o644))
	wantError(t, New().Stage(req, packagebuild.Plan{}, t.TempDir()), "src/pipe is neither file, folder nor link")

	req = withFiles(t, nil)
	req.Source.Extra = &packagebuild.Source{Dir: t.TempDir(), Repository: "https://example.com/.."}
	wantError(t, New().Stage(req, packagebuild.Plan{}, t.TempDir()), `a folder named ".."`)
}

func TestCollect(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	_, err := New().Collect(greeter(), packagebuild.Plan{}, dir, out)
	wantError(t, err, "collect deb12", "left no .deb")

	for _, name := range []string{"b_1_all.deb", "a_1_amd64.deb", "a_1_amd64.changes"} {
		mustDo(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600))
	}
	got, err := New().Collect(greeter(), packagebuild.Plan{}, dir, out)
	mustDo(t, err)
	if diff := cmp.Diff([]string{filepath.Join(out, "a_1_amd64.deb"), filepath.Join(out, "b_1_all.deb")}, got); diff != "" {
		t.Errorf("collected (-want +got):\n%s", diff)
	}
	if text := readFile(t, got[0]); text != "a_1_amd64.deb" {
		t.Errorf("%s holds %q", got[0], text)
	}
	_, err = New().Collect(greeter(), packagebuild.Plan{}, dir, out)
	wantError(t, err, "a_1_amd64.deb is there already")
	wantNames(t, out, "a_1_amd64.deb", "b_1_all.deb")
}

// wantNames checks that a folder holds these names and no half-written others.
func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	mustDo(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", dir, diff)
	}
}

func TestCollectTrustsNothing(t *testing.T) {
	for name, plant := range map[string]func(string) error{
		"link":   func(name string) error { return os.Symlink("/etc/hostname", name) },
		"fifo":   func(name string) error { return unix.Mkfifo(name, 0o644) },
		"folder": func(name string) error { return os.Mkdir(name, 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, out := t.TempDir(), t.TempDir()
			mustDo(t, plant(filepath.Join(dir, "trap.deb")))
			_, err := New().Collect(greeter(), packagebuild.Plan{}, dir, out)
			wantError(t, err, "trap.deb")
			wantNames(t, out)
		})
	}
}

func TestVerify(t *testing.T) {
	good := packagebuild.Package{
		Path: "/out/greeter_20261121.00-g1+deb12_amd64.deb", Name: "greeter", Version: "1:20261121.00-g1+deb12",
		Arch: "amd64", Vcs: "https://example.com/shop/greeter/tree/" + commit,
	}
	mustDo(t, New().Verify(greeter(), good))
	for name, row := range map[string]struct {
		edit func(*packagebuild.Package)
		want string
	}{
		"name":    {func(p *packagebuild.Package) { p.Name = "other" }, `declares no package "other"`},
		"version": {func(p *packagebuild.Package) { p.Version = "20261121.00-g1+deb12" }, "want 1:20261121.00-g1+deb12"},
		"arch":    {func(p *packagebuild.Package) { p.Arch = "arm64" }, "want amd64 or all"},
		"file":    {func(p *packagebuild.Package) { p.Path = "/out/greeter_1_amd64.deb" }, "want greeter_20261121.00-g1+deb12_amd64.deb"},
		"stamp":   {func(p *packagebuild.Package) { p.Vcs = "" }, "does not end in commit " + commit},
	} {
		t.Run(name, func(t *testing.T) {
			pkg := good
			row.edit(&pkg)
			wantError(t, New().Verify(greeter(), pkg), "for deb12", row.want)
		})
	}
	bare := greeter()
	bare.Source.Commit, bare.Source.CommitURL = "", ""
	good.Vcs, good.Path, good.Arch = "", strings.Replace(good.Path, "amd64", "all", 1), "all"
	mustDo(t, New().Verify(bare, good))
	bare.Source.Time = time.Time{}
	wantError(t, New().Verify(bare, good), "no time")
}
