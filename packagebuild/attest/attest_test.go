package attest

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"slipway.dev/slipway/packagebuild"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); run with -update if it is meant:\n%s", path, diff)
	}
}

const (
	commit = "0123456789abcdef0123456789abcdef01234567"
	sum    = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // of nothing
)

var deb12 = packagebuild.Target{
	Name: "deb12", Format: "deb", Distribution: "Debian 12", Arch: "amd64", Suffix: "+deb12",
	TargetVersion: "12", Root: packagebuild.Root{Suite: "bookworm"},
}

func sampleBuild() Build {
	return Build{
		Request: packagebuild.Request{
			Source: packagebuild.Source{
				Dir: "/machine/tree", Repository: "https://user:secret@example.com/org/hello-guest.git", Commit: commit,
				Time:  time.Date(2026, 11, 21, 12, 0, 0, 0, time.FixedZone("", 3600)),
				Extra: &packagebuild.Source{Dir: "/machine/extra", Repository: "git@example.com:org/extra.git", Commit: commit},
			},
			Target: deb12, Version: "20261121.00", Check: true,
		},
		Root: []Dependency{
			{Name: "libc6", Version: "2.36-9+deb12u13", Architecture: "amd64", SHA256: sum},
			{Name: "gcc", Version: "4:12.2.0-3", Architecture: "amd64"},
		},
		GoVersion: "go1.26.1",
		Builder:   "https://slipway.dev/builders/local",
	}
}

func sampleArtifact() Artifact {
	return Artifact{
		Package: packagebuild.Package{
			Path: "/machine/out/hello-guest_20261121.00-g1+deb12_amd64.deb", Format: "deb",
			Name: "hello-guest", Version: "1:20261121.00-g1+deb12", Arch: "amd64",
			Files: []packagebuild.File{
				{Path: "/etc", Mode: 0o40755},
				{Path: "/etc/hello & guest.conf", Mode: 0o100644, SHA256: sum},
				{Path: "/usr/bin/hello", Mode: 0o120777, Link: "hello-guest"},
			},
		},
		SHA256:  strings.Repeat("ab", 32),
		License: "Apache-2.0",
	}
}

// Nothing of the machine and no password may get into what is published.
func checkClean(t *testing.T, text []byte) {
	t.Helper()
	for _, leak := range []string{"secret", "user", "/machine"} {
		if strings.Contains(string(text), leak) {
			t.Errorf("the document holds %q", leak)
		}
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock.json")
	root := sampleBuild().Root
	if err := Lock(path, root); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "lock.json", got)
	if root[0].Name != "libc6" {
		t.Error("Lock sorted the caller's slice")
	}
	if err := Lock(path, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second Lock = %v, want %v", err, fs.ErrExist)
	}
}

func TestDescribe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.deb")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := Describe(packagebuild.Package{Path: path})
	if err != nil || got.SHA256 != sum {
		t.Errorf("Describe = %q, %v, want %q", got.SHA256, err, sum)
	}
	if _, err := Describe(packagebuild.Package{Path: path + ".none"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Describe of no file = %v", err)
	}
}

func TestSourceURI(t *testing.T) {
	for repository, want := range map[string]string{
		"https://example.com/org/repo":             "git+https://example.com/org/repo@" + commit,
		"https://x-access-token:t@example.com/o/r": "git+https://example.com/o/r@" + commit,
		"https://example.com/o/r?token=t#fragment": "git+https://example.com/o/r@" + commit,
		"git@example.com:org/repo.git":             "git+ssh://example.com/org/repo.git@" + commit,
		"ssh://git@example.com:29418/repo":         "git+ssh://example.com:29418/repo@" + commit,
		"git://example.com/repo":                   "git://example.com/repo@" + commit,
		"/srv/git/repo.git":                        "git+file:///srv/git/repo.git@" + commit,
		"relative/folder":                          "",
		"":                                         "",
	} {
		if got := sourceURI(packagebuild.Source{Repository: repository, Commit: commit}); got != want {
			t.Errorf("sourceURI(%q) = %q, want %q", repository, got, want)
		}
	}
	if got := sourceURI(packagebuild.Source{Repository: "https://example.com/r"}); got != "" {
		t.Errorf("sourceURI without a commit = %q, want none", got)
	}
}

func TestPackageURL(t *testing.T) {
	el9 := packagebuild.Target{Format: "rpm", Suffix: ".el9", TargetVersion: "9", Root: packagebuild.Root{Suite: "bookworm"}}
	for _, test := range []struct {
		pkg    packagebuild.Package
		target packagebuild.Target
		want   string
	}{
		{packagebuild.Package{Format: "deb", Name: "libstdc++6", Version: "1:2-3+b1", Arch: "arm64"}, deb12,
			"pkg:deb/debian/libstdc%2B%2B6@1:2-3%2Bb1?arch=arm64&distro=bookworm"},
		{packagebuild.Package{Format: "rpm", Name: "hello", Version: "20261121.00-g1.el9", Arch: "x86_64"}, el9,
			"pkg:rpm/hello@20261121.00-g1.el9?arch=x86_64&distro=el9"},
		{packagebuild.Package{Format: "rpm", Name: "hello", Version: "1:2-3.el9", Arch: "src"}, el9,
			"pkg:rpm/hello@2-3.el9?arch=src&distro=el9&epoch=1"},
		{packagebuild.Package{Format: "goo", Name: "hello", Version: "20261121.0.0@1", Arch: "x86_64"}, packagebuild.Target{},
			"pkg:generic/hello@20261121.0.0%401?arch=x86_64"},
		{packagebuild.Package{Format: "deb", Name: "a", Version: "0~pr1.abc", Arch: "all"}, packagebuild.Target{TargetVersion: "13"},
			"pkg:deb/debian/a@0~pr1.abc?arch=all&distro=debian-13"},
	} {
		if got := packageURL(test.pkg, test.target); got != test.want {
			t.Errorf("packageURL = %s, want %s", got, test.want)
		}
	}
	if got, want := modulePURL("github.com/BurntSushi/toml", "v1.0.0+incompatible"), "pkg:golang/github.com/burntsushi/toml@v1.0.0%2Bincompatible"; got != want {
		t.Errorf("modulePURL = %s, want %s", got, want)
	}
}

// A pipe that a package plants where its list names a file must not hold us for ever.
func TestUnpackedRefusesAPipe(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if _, err := Unpacked(root)("/pipe"); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("got error %v", err)
	}
}
