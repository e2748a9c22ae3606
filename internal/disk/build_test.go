package disk

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// kernel is what is taken for one until somebody boots it.
func kernel() string {
	k := make([]byte, 40<<10)
	copy(k[0x202:], "HdrS")
	return string(k)
}

// bootable are the files of an image that a disk can be made of.
func bootable() []tar.Header {
	return []tar.Header{
		dir("usr/"), dir("usr/lib/"), dir("usr/lib/modules/"), dir("usr/lib/modules/6.1.0-9/"),
		regular("usr/lib/modules/6.1.0-9/vmlinuz", kernel()), regular("usr/lib/modules/6.1.0-9/initramfs.img", "initrd"),
		dir("sbin/"), {Name: "sbin/init", Typeflag: tar.TypeSymlink, Linkname: "../usr/lib/systemd/systemd"},
		dir("usr/lib/systemd/"), program("usr/lib/systemd/systemd"),
		dir("usr/lib/bootc/"), dir("usr/lib/bootc/kargs.d/"),
		regular("usr/lib/bootc/kargs.d/10-a.toml", "# why\nkargs = [\"mitigations=off\", 'quiet', # so\n]\nmatch-architectures = [\"x86_64\"]\n"),
		regular("usr/lib/bootc/kargs.d/20-b.toml", "kargs = [\"never=1\"]\nmatch-architectures = [\"aarch64\"]\n"),
	}
}

func dir(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755} }

// regular is a regular file, whose bytes are carried by a record until they are written.
func regular(name, data string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(data)), Xattrs: map[string]string{"": data}} //nolint:staticcheck // a place for the bytes
}

func program(name string) tar.Header {
	h := regular(name, "program")
	h.Mode = 0o755
	return h
}

// image writes an image of layers into an OCI layout, and returns its reference.
func image(t testing.TB, layers ...[]tar.Header) string {
	t.Helper()
	return imageOf(t, "amd64", layers...)
}

func imageOf(t testing.TB, arch string, layers ...[]tar.Header) string {
	t.Helper()
	return imageWith(t, arch, func(*v1.ConfigFile) {}, layers...)
}

// imageWith lets a test change the configuration.
func imageWith(t testing.TB, arch string, change func(*v1.ConfigFile), layers ...[]tar.Header) string {
	t.Helper()
	img := v1.Image(empty.Image)
	for _, headers := range layers {
		data := archive(t, headers)
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		if err == nil {
			img, err = mutate.AppendLayers(img, layer)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", arch, v1.Time{Time: time.Date(2026, 11, 21, 1, 2, 3, 0, time.UTC)}
	change(config)
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	path, err := layout.Write(folder, empty.Index)
	if err == nil {
		err = path.AppendImage(img)
	}
	if err != nil {
		t.Fatal(err)
	}
	return "oci:" + folder
}

func archive(t testing.TB, headers []tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		data := h.Xattrs[""] //nolint:staticcheck // see regular
		h.Xattrs = nil       //nolint:staticcheck // see regular
		if h.ModTime.IsZero() {
			h.ModTime = time.Unix(1700000000, 0)
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// usual are options that a test has no reason to change.
func usual() Options {
	return Options{Name: "guest", Formats: []Format{QCOW2, Raw, Bundle}, Size: 192 * mib, Slots: 1}
}

func builder(t testing.TB) Builder {
	t.Helper()
	need.Tool(t, "sfdisk", "fdisk")
	need.Tool(t, "mcopy", "mtools")
	need.Tool(t, "grub-mkimage", "grub-common grub-pc-bin grub-efi-amd64-bin")
	return Builder{Cache: t.TempDir(), Say: func(s string) { t.Log(s) }}
}

func build(t testing.TB, b Builder, image string, o Options, folder string) *Record {
	t.Helper()
	r, err := b.Build(t.Context(), image, o, folder)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tool(t testing.TB, args ...string) string {
	t.Helper()
	var said bytes.Buffer
	if err := exec.Run(t.Context(), exec.Cmd{Args: args, Stdout: &said, Stderr: &said}); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	return said.String()
}

// Other people's tools find the disk whole, and on it what was in the image.
func TestBuild(t *testing.T) {
	need.Tool(t, "qemu-img", "qemu-utils")
	b, folder := builder(t), t.TempDir()
	o := usual()
	o.Arguments = []string{"asked=1"}
	r := build(t, b, image(t, bootable()), o, folder)
	raw, qcow := filepath.Join(folder, "guest.raw"), filepath.Join(folder, "guest.qcow2")
	tool(t, "qemu-img", "compare", raw, qcow)
	if said := tool(t, "qemu-img", "check", qcow); !strings.Contains(said, "No errors") {
		t.Error(said)
	}
	if said := tool(t, "sfdisk", "--verify", raw); !strings.Contains(said, "No errors detected") {
		t.Error(said)
	}
	root := fmt.Sprintf("%s?offset=%d", raw, r.Partitions[2].Start)
	tool(t, "e2fsck", "-fn", root)
	if said := tool(t, "debugfs", "-R", "cat /usr/lib/systemd/systemd", root); !strings.HasSuffix(said, "program") {
		t.Error(said)
	}
	esp := fmt.Sprintf("%s@@%d", raw, r.Partitions[1].Start)
	tool(t, "fsck.vfat", "-n", cut(t, raw, r.Partitions[1].Start, r.Partitions[1].Size))
	onESP := tool(t, "mdir", "-/", "-b", "-i", esp, "::/")
	for _, want := range []string{"::/EFI/BOOT/BOOTX64.EFI", "::/slipway/grub.cfg", "::/slipway/grubenv", "::/slipway/a/boot.cfg", "::/slipway/a/vmlinuz", "::/slipway/a/initrd"} {
		if !strings.Contains(onESP, want+"\n") {
			t.Errorf("%s is not on the ESP:\n%s", want, onESP)
		}
	}
	want := "linux /slipway/a/vmlinuz 'root=PARTUUID=" + r.Partitions[2].UUID + "' 'rw' 'console=tty0' 'console=ttyS0,115200' 'mitigations=off' 'quiet' 'asked=1'\ninitrd /slipway/a/initrd\n"
	if got := tool(t, "mtype", "-i", esp, "::/slipway/a/boot.cfg"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if left := listed(t, folder); !slices.Equal(left, []string{"guest.disk.json", "guest.qcow2", "guest.raw", "guest.tar"}) {
		t.Errorf("the folder holds %v", left)
	}
	for _, f := range r.Files {
		read, row, err := Read(filepath.Join(folder, f.Name))
		if err != nil || read.Image.Digest != r.Image.Digest || row != f {
			t.Errorf("%s: got %+v, %v", f.Name, row, err)
		}
		if err := row.Verify(filepath.Join(folder, f.Name)); err != nil {
			t.Error(err)
		}
	}
}

func listed(t testing.TB, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// cut copies a part of a file into one of its own.
func cut(t testing.TB, file string, start, size int64) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	path := filepath.Join(t.TempDir(), "part")
	out, err := os.Create(path)
	if err == nil {
		_, err = io.Copy(out, io.NewSectionReader(f, start, size))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// The same image gives the same bytes: with another cache, in another place, at another
// time, and when it comes in other files.
func TestSameBytes(t *testing.T) {
	ref := image(t, bootable(), []tar.Header{regular("usr/new", "new")})
	first := build(t, builder(t), ref, usual(), t.TempDir())
	time.Sleep(2100 * time.Millisecond) // the clock of FAT and ext4 has to move on
	t.Setenv("TZ", "Asia/Tokyo")
	second := build(t, builder(t), ref, usual(), t.TempDir())
	if fmt.Sprint(first.Files) != fmt.Sprint(second.Files) {
		t.Errorf("got %v, then %v", first.Files, second.Files)
	}
}
