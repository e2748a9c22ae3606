package bench

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// diskPackages are what makes a Debian root of about 400 MB that boots.
const diskPackages = "linux-image-cloud-amd64,systemd-sysv,udev,initramfs-tools,iproute2,python3,perl,git"

// bareDisk makes a disk by the bare tools, one after the other, as a person would: it
// puts the layers together, and leaves a qcow2. $1 is the layout, $2 a folder, $3 crane.
const bareDisk = `set -eu
layout=$1 work=$2 digest=$3
mkdir -p $work/root $work/esp
for layer in $digest; do tar -xzf $layout/blobs/sha256/$layer -C $work/root; done
cd $work
truncate -s 1400M disk.raw
printf 'label: gpt\nstart=2048,size=2048,type=21686148-6449-6E6F-744E-656564454649\nstart=4096,size=262144,type=U\nstart=266240,size=2533761,type=L\n' |
	sfdisk -q --no-reread --no-tell-kernel disk.raw
mke2fs -q -t ext4 -d root -E offset=$((266240*512)) disk.raw 1200M
mkfs.vfat -F 32 -s 2 -h 4096 --offset=4096 disk.raw 131072 >/dev/null 2>&1
printf 'configfile /grub/grub.cfg\n' >early.cfg
grub-mkimage -O i386-pc -p /grub -c early.cfg -o core.img biosdisk part_gpt fat search search_fs_uuid normal configfile linux boot echo test serial terminal
grub-mkimage -O x86_64-efi -p /grub -c early.cfg -o BOOTX64.EFI part_gpt fat search search_fs_uuid normal configfile linux boot echo test serial terminal
dd if=/usr/lib/grub/i386-pc/boot.img of=disk.raw bs=440 count=1 conv=notrunc status=none
dd if=core.img of=disk.raw bs=512 seek=2048 conv=notrunc status=none
export MTOOLS_SKIP_CHECK=1
mmd -i disk.raw@@2097152 ::/EFI ::/EFI/BOOT ::/grub
mcopy -i disk.raw@@2097152 BOOTX64.EFI ::/EFI/BOOT
mcopy -i disk.raw@@2097152 root/boot/vmlinuz-* root/boot/initrd.img-* ::/grub
qemu-img convert -f raw -O qcow2 disk.raw disk.qcow2
sha256sum disk.qcow2 >/dev/null
`

// BenchmarkDisk makes the qcow2 of a Debian root of two layers with an empty cache, then
// of the same root with another top layer, and by the bare tools in sequence; it tells
// the ratio of the first to the tools, and of the second to the first.
func BenchmarkDisk(b *testing.B) {
	need.Root(b)
	for _, t := range [][2]string{{"mmdebstrap", "mmdebstrap"}, {"sfdisk", "fdisk"}, {"mcopy", "mtools"}, {"grub-mkimage", "grub-common"}, {"qemu-img", "qemu-utils"}} {
		need.Tool(b, t[0], t[1])
	}
	base := debianRoot(b)
	first, layers := diskImage(b, base, "first")
	second, _ := diskImage(b, base, "second")
	var cold, warm, bare []time.Duration
	for b.Loop() {
		cache := b.TempDir()
		cold = append(cold, timed(func() { buildDisk(b, cache, first) }))
		warm = append(warm, timed(func() { buildDisk(b, cache, second) }))
		work := b.TempDir()
		bare = append(bare, timed(func() {
			args := []string{"sh", "-c", bareDisk, "sh", first[len("oci:"):], work, layers}
			if _, err := exec.Output(context.Background(), exec.Cmd{Args: args}); err != nil {
				b.Fatal(err)
			}
		}))
		if err := errors.Join(os.RemoveAll(cache), os.RemoveAll(work)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(median(cold).Seconds(), "s/first")
	b.ReportMetric(median(warm).Seconds(), "s/second")
	b.ReportMetric(median(bare).Seconds(), "s/bare")
	b.ReportMetric(float64(median(cold))/float64(median(bare)), "first/bare")
	b.ReportMetric(float64(median(warm))/float64(median(cold)), "second/first")
	b.ReportMetric(0, "ns/op")
}

func buildDisk(b *testing.B, cache, image string) {
	b.Helper()
	builder := disk.Builder{Cache: cache, Say: func(string) {}}
	o := disk.Options{Name: "guest", Formats: []disk.Format{disk.QCOW2}, Slots: 1, Size: 1400 << 20}
	folder := b.TempDir()
	if _, err := builder.Build(context.Background(), image, o, folder); err != nil {
		b.Fatal(err)
	}
	if err := os.RemoveAll(folder); err != nil {
		b.Fatal(err)
	}
}

// debianRoot is the file of a root that mmdebstrap makes, once.
func debianRoot(b *testing.B) string {
	b.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(cache, "slipway", "bench", "disk-root.tar")
	if _, err := os.Stat(file); err == nil {
		return file
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		b.Fatal(err)
	}
	args := []string{"mmdebstrap", "--quiet", "--variant=minbase", "--include=" + diskPackages, "bookworm", file + ".part.tar"}
	if _, err := exec.Output(context.Background(), exec.Cmd{Args: args}); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(file+".part.tar", file); err != nil {
		b.Fatal(err)
	}
	return file
}

// diskImage makes an image of a root and a small layer on top, as an OCI layout, and
// says how its layers are called there, with spaces between.
func diskImage(b *testing.B, base, top string) (reference, layers string) {
	b.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	text := fmt.Sprintf("the top layer is the %s\n", top)
	err := w.WriteHeader(&tar.Header{Name: "etc/top", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))})
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		b.Fatal(err)
	}
	lower, err := tarball.LayerFromFile(base, tarball.WithCompressedCaching)
	if err != nil {
		b.Fatal(err)
	}
	upper, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil })
	if err != nil {
		b.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, lower, upper)
	if err == nil {
		img, err = mutate.Config(img, v1.Config{})
	}
	if err != nil {
		b.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		b.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	if img, err = mutate.ConfigFile(img, config); err != nil {
		b.Fatal(err)
	}
	folder := b.TempDir()
	path, err := layout.Write(folder, empty.Index)
	if err == nil {
		err = path.AppendImage(img)
	}
	if err != nil {
		b.Fatal(err)
	}
	for _, layer := range []v1.Layer{lower, upper} {
		digest, err := layer.Digest()
		if err != nil {
			b.Fatal(err)
		}
		layers += digest.Hex + " "
	}
	return "oci:" + folder, layers
}
