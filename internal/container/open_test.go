package container

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/testkit/need"
)

// archive is a tar of programs; what begins with "->" is a link.
func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		h := &tar.Header{Name: name, Mode: 0o755, Uid: 7, Gid: 8, Size: int64(len(files[name])), Typeflag: tar.TypeReg}
		if target, ok := strings.CutPrefix(files[name], "->"); ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, target, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := io.WriteString(w, files[name]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func writeFile(t *testing.T, data []byte, name string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// ociLayout is an image of these layers in a folder, and its digest.
func ociLayout(t *testing.T, layers ...[]byte) (folder, digest string) {
	t.Helper()
	image := empty.Image
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture = "linux", "amd64"
	if image, err = mutate.ConfigFile(image, config); err != nil {
		t.Fatal(err)
	}
	for _, data := range layers {
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		if err == nil {
			image, err = mutate.AppendLayers(image, l)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	folder = t.TempDir()
	path, err := layout.Write(folder, empty.Index)
	if err == nil {
		err = path.AppendImage(image, layout.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"}))
	}
	if err != nil {
		t.Fatal(err)
	}
	sum, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return folder, sum.String()
}

func TestOpen(t *testing.T) {
	need.Root(t)
	small := map[string]string{"usr/lib/systemd/systemd": "systemd", "sbin/init": "->/usr/lib/systemd/systemd", "etc/a": "a"}
	plain := archive(t, small)
	inRoot := map[string]string{"metadata.yaml": "architecture: x86_64\n"}
	for name, text := range small {
		inRoot["rootfs/"+name] = text
	}
	folder, imageDigest := ociLayout(t, plain, archive(t, map[string]string{"etc/.wh.a": "", "etc/b": "b"}))
	meta, root := writeFile(t, archive(t, map[string]string{"metadata.yaml": "x"}), "meta.tar"), writeFile(t, plain, "rootfs.tar")
	both, err := digest([]string{meta, root})
	if err != nil {
		t.Fatal(err)
	}
	cache := Cache{Folder: filepath.Join(t.TempDir(), "roots")}
	for _, test := range []struct {
		name, reference, digest, has, hasNot string
	}{
		{"oci", "oci:" + folder, imageDigest, "etc/b", "etc/a"},
		{"tar", "rootfs:" + root, "", "etc/a", "etc/b"},
		{"unified", "lxd:" + writeFile(t, archive(t, inRoot), "lxd.tar"), "", "etc/a", "metadata.yaml"},
		{"split", "lxd:" + meta + "," + root, both, "etc/a", "metadata.yaml"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 2 { // made, and found
				o, err := cache.Open(t.Context(), test.reference)
				if err != nil {
					t.Fatal(err)
				}
				defer o.Close()
				if test.digest != "" && o.Digest != test.digest || o.Init != "/sbin/init" {
					t.Errorf("digest %s, init %s; want %s", o.Digest, o.Init, test.digest)
				}
				var stat os.FileInfo
				if stat, err = os.Stat(filepath.Join(o.Tree, test.has)); err != nil || stat.Mode().Perm() != 0o755 {
					t.Errorf("%s: %v", test.has, err)
				}
				if _, err := os.Lstat(filepath.Join(o.Tree, test.hasNot)); err == nil {
					t.Errorf("%s is there", test.hasNot)
				}
			}
		})
	}
	if left, _ := filepath.Glob(filepath.Join(cache.Folder, "making-*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestOpenRefuses(t *testing.T) {
	need.Root(t)
	whole := archive(t, map[string]string{"sbin/init": strings.Repeat("x", 5000)})
	folder, _ := ociLayout(t, whole)
	blobs, _ := filepath.Glob(filepath.Join(folder, "blobs/sha256/*"))
	for _, blob := range blobs {
		if data, err := os.ReadFile(blob); err == nil && !bytes.HasPrefix(data, []byte("{")) {
			if err := os.WriteFile(blob, data[:len(data)/2], 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct{ name, reference, want string }{
		{"truncated tar", "rootfs:" + writeFile(t, whole[:3000], "a.tar"), "Unexpected EOF"},
		{"truncated layer", "oci:" + folder, "layer 1 of 1"},
		{"no tar", "rootfs:" + writeFile(t, []byte("hello"), "a.tar"), "tar"},
		{"no file", "rootfs:/no/such/file", "no such file"},
		{"no rootfs inside", "lxd:" + writeFile(t, whole, "b.tar"), "no folder rootfs"},
		{"three files", "lxd:a,b,c", "one file or two"},
		{"no name", "::", "HOST/PATH"},
	} {
		cache := Cache{Folder: filepath.Join(t.TempDir(), "roots")}
		o, err := cache.Open(t.Context(), test.reference)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %v; want %q", test.name, o, err, test.want)
		}
	}
}

// What nobody used for long is removed, and what somebody uses stays.
func TestPrune(t *testing.T) {
	need.Root(t)
	cache := Cache{Folder: filepath.Join(t.TempDir(), "roots")}
	old := time.Now().Add(-2 * keep)
	open := func(name string) *Opened {
		o, err := cache.Open(t.Context(), "rootfs:"+writeFile(t, archive(t, map[string]string{"sbin/init": name}), "a.tar"))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	used, unused := open("used"), open("unused")
	if err := errors.Join(unused.Close(), os.Chtimes(filepath.Dir(used.Tree), old, old), os.Chtimes(filepath.Dir(unused.Tree), old, old)); err != nil {
		t.Fatal(err)
	}
	defer open("new").Close()
	if !isFolder(used.Tree) || isFolder(unused.Tree) {
		t.Errorf("used is there: %t, unused: %t", isFolder(used.Tree), isFolder(unused.Tree))
	}
	if err := used.Close(); err != nil {
		t.Fatal(err)
	}
}

// A removal that is killed leaves a scratch folder, and nothing under a root's name, where
// the root could not be unpacked again.
func TestRemoveUnusedAtOnce(t *testing.T) {
	parent, aside := t.TempDir(), t.TempDir()
	folder := filepath.Join(parent, "root")
	if err := os.MkdirAll(filepath.Join(folder, treeFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	held, err := holdFolder(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := removeUnused(folder, aside); err != nil || !isFolder(folder) {
		t.Errorf("%v; what is held is there: %t", err, isFolder(folder))
	}
	if err := errors.Join(held.Close(), removeUnused(folder, aside)); err != nil || isFolder(folder) || !isFolder(filepath.Join(aside, "root", treeFolder)) {
		t.Errorf("%v; it is there: %t, aside: %t", err, isFolder(folder), isFolder(filepath.Join(aside, "root")))
	}
}

// What is unpacked is what the digest names, though somebody writes to the file meanwhile.
func TestOpenChanged(t *testing.T) {
	need.Root(t)
	file := writeFile(t, archive(t, map[string]string{"sbin/init": "one"}), "a.tar")
	before, err := digest([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	if err := unpackNamed(t.Context(), []string{file}, before, t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file, archive(t, map[string]string{"sbin/init": "two"}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unpackNamed(t.Context(), []string{file}, before, t.TempDir()); err == nil || !strings.Contains(err.Error(), "nothing may write to it meanwhile") {
		t.Errorf("got %v", err)
	}
}

func TestNoInit(t *testing.T) {
	tree := t.TempDir()
	if err := os.Mkdir(filepath.Join(tree, "sbin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/bin/sh", filepath.Join(tree, "sbin/init")); err != nil {
		t.Fatal(err)
	}
	o, err := Cache{}.Open(t.Context(), "rootfs:"+tree) // this machine's /bin/sh is not the guest's
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Runtimes() {
		var boot *guest.BootError
		if _, err := r.Starter(Config{Root: o.Root}).Start(t.Context(), io.Discard); !errors.As(err, &boot) || !strings.Contains(err.Error(), "no init") {
			t.Errorf("%s: got %v", r.Name(), err)
		}
	}
}

func TestGroups(t *testing.T) {
	root := os.DirFS("/")
	if _, err := groups(root, "5:devices:/\n", "x"); !errors.Is(err, errNoGroups) {
		t.Errorf("without a hierarchy: %v", err)
	}
	got := everywhere("4:memory:/a\n0::/\n", "x")
	want := []string{"/sys/fs/cgroup/*/a/x", "/sys/fs/cgroup/*/x", "/sys/fs/cgroup/a/x", "/sys/fs/cgroup/x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestArgs says what each runtime is started with.
func TestArgs(t *testing.T) {
	c := Config{Root: Root{Tree: "/tree", Init: "/sbin/init"}, Network: true, Binds: []Bind{{"/a:b", "/c"}}}
	got := map[string]string{
		"nspawn": strings.Join(nspawnArgs(c, "n"), " "),
		"podman": strings.Join(podmanRun(c, "n"), " "),
	}
	for _, step := range lxdSteps(c, "n", []string{"f"}, true) {
		got["lxd"] += strings.Join(step, " ") + "\n"
	}
	want := map[string]string{
		"nspawn": `systemd-nspawn --quiet --directory=/run/slipway/root --machine=n --boot --register=no --keep-unit --console=read-only --notify-ready=yes --link-journal=no --timezone=off --resolv-conf=off --bind-ro=/run/slipway/resolv.conf:/etc/resolv.conf --bind-ro=/a\:b:/c`,
		"podman": "podman --root=/run/slipway/storage --runroot=/run/slipway/state --tmpdir=/run/slipway/tmp run --name=n --rootfs --systemd=always --tty --log-driver=none --cgroup-parent=/n --network=host --volume=/a:b:/c:ro /tree:O /sbin/init",
		"lxd": `storage create slipway dir
image import f --alias=n
init n n --quiet --storage=slipway --no-profiles --config=security.privileged=true --config=raw.lxc=lxc.net.0.type=none
config device add n bind0 disk source=/a:b path=/c readonly=true
`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProgramIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if err := program(t.Context(), nil, "unsquashfs"); !exec.IsNotFound(err) || !strings.Contains(err.Error(), "install squashfs-tools") {
		t.Errorf("got %v", err)
	}
}
