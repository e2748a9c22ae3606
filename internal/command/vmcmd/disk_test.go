package vmcmd

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/disk/publish"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/internal/testkit/registry"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// imageOf pushes an image with the tiny guest as its initrd, and returns its name.
func imageOf(t *testing.T, host string) string {
	t.Helper()
	folder := "usr/lib/modules/" + tinyguest.KernelVersion(t)
	layer := layerOf(t, map[string][]byte{
		folder + "/vmlinuz": read(t, tinyguest.Kernel(t)), folder + "/initramfs.img": read(t, tinyguest.Initrd(t)), "sbin/init": []byte("none"),
	})
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err == nil {
		image, err = mutate.ConfigFile(image, configOf(t, image))
	}
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(host + "/tiny/tiny-os:next")
	if err == nil {
		err = remote.Write(tag, image)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tag.Name()
}

func layerOf(t *testing.T, files map[string][]byte) v1.Layer {
	t.Helper()
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for name, data := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return layer
}

func configOf(t *testing.T, image v1.Image) *v1.ConfigFile {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	return config
}

// diskOf makes a disk of an image, with more arguments for the kernel.
func diskOf(t *testing.T, image string, slots int, arguments ...string) (record *disk.Record, folder string) {
	t.Helper()
	need.Tool(t, "qemu-img", "qemu-utils")
	folder = t.TempDir()
	o := disk.Options{
		Name: "tiny-os", Formats: []disk.Format{disk.QCOW2}, Slots: slots, Size: 512 << 20,
		Arguments: append([]string{"quiet", "loglevel=4", "no_timer_check"}, arguments...),
	}
	record, err := disk.Builder{Cache: t.TempDir(), Say: func(string) {}}.Build(t.Context(), image, o, folder)
	if err != nil {
		t.Fatal(err)
	}
	return record, folder
}

// inEarnest leaves what takes minutes to the long tests.
func inEarnest(t *testing.T) {
	t.Helper()
	if os.Getenv("SLIPWAY_E2E") != "os" {
		t.Skip("it takes a minute or two; run: make e2e-os")
	}
}

// The whole way of a disk: made of an image in a registry, pushed beside it, and tested
// under both firmwares by the image's name alone. The evidence is about image and disk.
func TestImageInRegistry(t *testing.T) {
	image := imageOf(t, registry.Start(t, registry.InProcess).Host)
	record, folder := diskOf(t, image, 1, "slipway.mode=ok")
	repository := strings.TrimSuffix(image, ":next")
	if _, err := (publish.Registry{Repository: repository, Say: func(string) {}}).Push(t.Context(), record, folder); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t)
	files := filing(t)
	args := append(files.args, "--image", image, "--wait", "1m", "--firmware", "uefi,bios", "--plan", write(t, "plan.yaml", tinyPlan))
	c := call(t.Context(), t, QemuTester, args...)
	for _, want := range []string{"tiny/uefi: 5 passed", "tiny/bios: 5 passed"} {
		if c.code != cli.ExitDone || !strings.Contains(c.stdout, want) {
			t.Errorf("not %q", want)
		}
	}
	if !strings.Contains(c.stderr, image+" is "+record.Image.Digest) {
		t.Error("what the tag names is not said")
	}
	for _, digest := range []string{record.Image.Digest, record.Files[0].Digest} {
		if found := files.filed(t, digest); found == nil || found.Outcome != evidence.Passed {
			t.Errorf("evidence about %s: %+v", digest, found)
		}
	}
	for _, name := range []string{"uefi/boot.png", "bios/boot.png"} {
		if info, err := os.Stat(filepath.Join(c.artifacts, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// upgradePlan upgrades by what starts the guest: its boot loader, kernel and arguments.
// The old one is kept in the empty slot, where no boot loader finds a file system of it.
const upgradePlan = `name: tiny
machine: {memory: 256Mi, cpus: 1, boot: 3m, firmware: [bios]}
timeout: 2m
tests:
- {name: kernel, kernel: ">= 6.1"}
- name: upgrade
  upgrade:
    version: [grep, -o, "version=[0-9]*", /proc/cmdline]
    command: [sh, -c, "dd if=/dev/vda2 of=/dev/vda4 bs=1M seek=1 && dd if=/dev/vdb2 of=/dev/vda2 bs=1M && sync"]
    then: [kernel]
    rollback: [sh, -c, "dd if=/dev/vda4 of=/dev/vda2 bs=1M skip=1 count=$(($(cat /sys/class/block/vda2/size) / 2048)) && sync"]
`

// A guest that is booted upgrades itself from the disk beside its own, and goes back.
func TestUpgrade(t *testing.T) {
	inEarnest(t)
	image := imageOf(t, registry.Start(t, registry.InProcess).Host)
	nothingLeft(t)
	plan, disks := write(t, "plan.yaml", upgradePlan), map[string]string{}
	for _, version := range []string{"1", "2"} {
		_, folder := diskOf(t, image, 2, "slipway.mode=ok", "version="+version)
		disks[version] = filepath.Join(folder, "tiny-os.qcow2")
	}
	c := call(t.Context(), t, Test, "--image", disks["2"], "--previous", disks["1"], "--plan", plan)
	if got := c.status(t, "upgrade"); c.code != cli.ExitDone || got.Status != guest.Passed {
		t.Errorf("exit code %d, %+v", c.code, got)
	}
}
