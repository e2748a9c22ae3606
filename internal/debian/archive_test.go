package debian

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/testkit/need"
)

// bookworm is the image of this repository whose lock the tests use.
var bookworm = filepath.Join("..", "..", "images", "debian", "bookworm")

// part is bookworm's lock with the named packages only.
func part(t *testing.T, names ...string) Lock {
	t.Helper()
	lock, err := ReadLock(filepath.Join(bookworm, LockFile))
	if err != nil {
		t.Fatal(err)
	}
	lock.Packages["amd64"] = slices.DeleteFunc(lock.Packages["amd64"], func(p Package) bool { return !slices.Contains(names, p.Name) })
	if got := len(lock.Packages["amd64"]); got != len(names) {
		t.Fatalf("bookworm has %d packages of %v", got, names)
	}
	return lock
}

// TestLock asks the real archive.
func TestLock(t *testing.T) {
	t.Parallel()
	need.Tool(t, "apt-get", "apt")
	below := part(t, "gcc-12-base", "libc6", "libgcc-s1")
	spec := Spec{Packages: []string{"hello"}, Architectures: []string{"amd64"}}
	var archive Archive // the cache of this machine, as tests should not fetch each time
	lock, err := archive.Lock(t.Context(), "tools", spec, []Lock{below})
	if err != nil {
		t.Fatal(err)
	}
	packages := lock.Packages["amd64"]
	if len(packages) != 1 || packages[0].Name != "hello" || lock.Suite != "bookworm" {
		t.Fatalf("what hello adds to libc6 in bookworm: got %+v", lock)
	}
	again, err := ParseLock(LockFile, lock.Format("tools"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lock, again); diff != "" {
		t.Errorf("(-locked +read):\n%s", diff)
	}
	if err := archive.Fetch(t.Context(), lock, "amd64"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(archive.Path(packages[0]))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != packages[0].SHA256 {
		t.Errorf("the cache holds sha256 %x as %s", sum, packages[0].SHA256)
	}

	spec.Packages = []string{"no-such-package"}
	_, err = archive.Lock(t.Context(), "tools", spec, []Lock{below})
	refuted(t, err, "lock packages of tools for amd64: apt-get")
	refuted(t, err, "E: Unable to locate package no-such-package")
}

// TestLockOfUnsignedArchive fails for want of a key that signed the archive.
func TestLockOfUnsignedArchive(t *testing.T) {
	need.Tool(t, "apt-get", "apt")
	keyring := "/usr/share/keyrings/debian-archive-removed-keys.gpg"
	if _, err := os.Stat(keyring); err != nil {
		t.Skip(err)
	}
	archive := Archive{Keyring: keyring}
	spec := Spec{Suite: "bookworm", Packages: []string{"hello"}, Architectures: []string{"amd64"}}
	_, err := archive.Lock(t.Context(), "tools", spec, nil)
	refuted(t, err, "bookworm InRelease' is not signed")
}

func TestLockRefuses(t *testing.T) {
	t.Parallel()
	below := Lock{Suite: "bookworm", Packages: map[string][]Package{"amd64": {}}}
	archs := []string{"amd64"}
	tests := []struct {
		name    string
		archive Archive
		spec    Spec
		below   []Lock
		err     string
	}{
		{"a base on another", Archive{}, Spec{"trixie", nil, archs}, []Lock{below}, "remove the suite"},
		{"on nothing", Archive{}, Spec{"", nil, archs}, nil, "its parent has no debian.lock"},
		{"other architecture", Archive{}, Spec{"", nil, []string{"arm64"}}, []Lock{below}, "the parent has no packages for arm64"},
		{"no keys", Archive{Keyring: "/nowhere"}, Spec{"bookworm", nil, archs}, nil, "apt-get install --no-install-recommends debian-archive-keyring"},
		{"no archive", Archive{Mirror: "http://127.0.0.1:1"}, Spec{"bookworm", nil, archs}, nil, "Could not connect to 127.0.0.1:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.archive.Lock(t.Context(), "tools", tt.spec, tt.below)
			refuted(t, err, tt.err)
			refuted(t, err, "lock packages of tools")
		})
	}
}

func TestStale(t *testing.T) {
	newer := hello
	newer.Version = "1:2.11-1"
	if err := stale([]Package{tzdata}, []Package{hello}); err != nil {
		t.Error(err)
	}
	refuted(t, stale([]Package{tzdata, newer}, []Package{hello}), "the parent's packages are too old: hello 1:2.10-3 → 1:2.11-1; lock the parent anew first")
}

// TestComplaint keeps what a person needs of what apt-get says.
func TestComplaint(t *testing.T) {
	said := "Reading package lists...\nE: a\n nothing\n git : Depends: x but it is not installable\n"
	if diff := cmp.Diff("E: a; git : Depends: x but it is not installable", complaint(said)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := complaint("neither\nnor\n"); got != "neither\nnor" {
		t.Errorf("got %q", got)
	}
}

// contextOf makes a build context of an image folder.
func contextOf(t *testing.T, folder string, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range files {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestBaseTwice makes one base twice, side by side, and looks into it.
func TestBaseTwice(t *testing.T) {
	t.Parallel()
	need.Root(t)
	need.Tool(t, "mmdebstrap", "mmdebstrap")
	input, err := Archive{}.Input("debian/bookworm", bookworm)
	if err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	dirs := []string{contextOf(t, bookworm, SpecFile, LockFile), contextOf(t, bookworm, SpecFile, LockFile)}
	for _, dir := range dirs {
		group.Go(func() error { return input.Write(t.Context(), "amd64", dir) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	first, second := readRoot(t, dirs[0]), readRoot(t, dirs[1])
	if diff := cmp.Diff(first, second); diff != "" {
		t.Fatalf("one lock, two roots (-first +second):\n%s", diff)
	}
	left := []string{}
	for name := range first {
		for _, bad := range []string{"./var/log/?*", "./var/lib/apt/lists/?*", "./var/cache/apt/*.bin", "./var/cache/ldconfig/?*", "./var/lib/dpkg/*-old", "./etc/*-", "./tmp/?*"} {
			if match, _ := filepath.Match(bad, name); match {
				left = append(left, name)
			}
		}
	}
	if len(left) > 0 {
		t.Errorf("left in the root: %v", left)
	}
	sources := first["./etc/apt/sources.list"]
	for _, want := range []string{"http://deb.debian.org/debian bookworm main", "http://deb.debian.org/debian-security bookworm-security main"} {
		if !strings.Contains(sources, want) {
			t.Errorf("sources.list does not name %s:\n%s", want, sources)
		}
	}
	if want := "localhost\n\n-rw-r--r-- 0:0"; !strings.HasPrefix(first["./etc/hostname"], want) {
		t.Errorf("/etc/hostname is this machine's: %q", first["./etc/hostname"])
	}
	if !strings.HasPrefix(first["./bin"], "usr/bin\n") {
		t.Errorf("/bin is %.40q, want a link", first["./bin"])
	}
}

// readRoot reads a root file system: of each file its target or text, and below that
// what else its header says.
func readRoot(t *testing.T, dir string) map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, RootFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	root := map[string]string{}
	for r := tar.NewReader(f); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return root
		}
		text, errText := io.ReadAll(r)
		if err := errors.Join(err, errText); err != nil {
			t.Fatal(err)
		}
		if len(text) > 1<<16 {
			sum := sha256.Sum256(text)
			text = []byte(hex.EncodeToString(sum[:]))
		}
		root[header.Name] = fmt.Sprintf("%s%s\n%s %d:%d %s %v",
			header.Linkname, text, header.FileInfo().Mode(), header.Uid, header.Gid, header.ModTime, header.PAXRecords)
	}
}

// TestPackages looks at what an image that stands on another gets.
func TestPackages(t *testing.T) {
	archive := Archive{Cache: t.TempDir()}
	lock, p := locked(helloText)
	lock.Suite, lock.Wanted = "bookworm", []string{"hello"}
	if err := os.MkdirAll(filepath.Dir(archive.Path(p)), 0o755); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for path, text := range map[string]string{
		archive.Path(p): helloText, filepath.Join(folder, SpecFile): "packages: [hello]\n",
		filepath.Join(folder, LockFile): string(lock.Format("tools")),
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	input, err := archive.Input("tools", folder)
	if err != nil {
		t.Fatal(err)
	}
	refuted(t, input.Write(t.Context(), "amd64", contextOf(t, folder, SpecFile)),
		"debian.lock of tools is missing or not tracked; run: slipway image lock tools")
	dir := contextOf(t, folder, SpecFile, LockFile)
	if err := input.Write(t.Context(), "amd64", dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{p.file(): helloText, "source-date-epoch": "1795276862\n", "install": string(install)} {
		got, err := os.ReadFile(filepath.Join(dir, PackagesFolder, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, PackagesFolder, "install")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("install: got mode %v, %v, want 0755", info.Mode(), err)
	}
}

func TestNoInput(t *testing.T) {
	input, err := Archive{}.Input("tools", t.TempDir())
	if input != nil || err != nil {
		t.Errorf("an image without debian.yaml: got %v, %v", input, err)
	}
}
