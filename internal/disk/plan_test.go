package disk

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

func TestBootcArgs(t *testing.T) {
	got := strings.Join(bootcArgs("HOST/os@sha256:00", "/out", []Format{QCOW2, Raw}), " ")
	want := "podman run --rm --privileged --pull=newer --security-opt=label=type:unconfined_t --volume=/out:/output" +
		" --volume=/var/lib/containers/storage:/var/lib/containers/storage quay.io/centos-bootc/bootc-image-builder:latest" +
		" --type=qcow2 --type=raw --rootfs=ext4 HOST/os@sha256:00"
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := strings.Join(bootcPull("HOST/os@sha256:00"), " "); got != "podman pull --quiet HOST/os@sha256:00" {
		t.Errorf("got %s", got)
	}
}

// The plan names every program that makes the disk, as it is run.
func TestPlanCommands(t *testing.T) {
	p, err := builder(t).Plan(t.Context(), image(t, bootable()), usual())
	if err != nil {
		t.Fatal(err)
	}
	var programs []string
	for _, c := range p.Commands {
		programs = append(programs, c[0])
	}
	want := []string{"sfdisk", "grub-mkimage", "grub-mkimage", "mkfs.vfat", "mmd", "mcopy", "mcopy", "mcopy", "mke2fs", "debugfs", "debugfs", "e2fsck", "qemu-img"}
	if !slices.Equal(programs, want) {
		t.Errorf("got %v, want %v", programs, want)
	}
}

func TestTableScript(t *testing.T) {
	got := tableScript(Table{UUID: "U", Partitions: []Partition{{Number: 2, Name: "esp", Type: typeESP, UUID: "P", Start: 1 << 20, Size: 2 << 20}}})
	want := "label: gpt\nlabel-id: U\nunit: sectors\nfirst-lba: 34\n\n2 : start=2048, size=4096, type=" + typeESP + ", uuid=P, name=\"esp\"\n"
	if got != want {
		t.Errorf("got %q", got)
	}
}

// A table that is not the one that was asked for is not passed over, and a disk of which
// a part lies elsewhere is refused.
func TestReadTable(t *testing.T) {
	folder := t.TempDir()
	empty, base, part := filepath.Join(folder, "empty"), filepath.Join(folder, "base.qcow2"), filepath.Join(folder, "part.qcow2")
	if err := os.WriteFile(empty, make([]byte, 4<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	tool(t, "qemu-img", "create", "-q", "-f", "qcow2", base, "4M")
	tool(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", part)
	for path, want := range map[string]string{
		empty: "read the partition table", base: "read the partition table", part: "only a part of a disk", filepath.Join(folder, "none"): "no such file",
	} {
		if _, err := ReadTable(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", path, err, want)
		}
	}
}

// asNobody in the environment makes this program one that builds a disk.
const asNobody = "DISK_TEST_AS_NOBODY"

func TestMain(m *testing.M) {
	if image := os.Getenv(asNobody); image != "" {
		b := Builder{Cache: "cache", Say: func(s string) { _, _ = io.WriteString(os.Stderr, s+"\n") }}
		if err := os.Mkdir("out", 0o755); err != nil {
			os.Exit(2)
		}
		r, err := b.Build(context.Background(), image, usual(), "out")
		if err != nil {
			_, _ = io.WriteString(os.Stderr, err.Error()+"\n")
			os.Exit(1)
		}
		_, _ = io.WriteString(os.Stdout, fmt.Sprint(r.Files))
		return
	}
	os.Exit(m.Run())
}

// Any user makes the same disk, without a capability: owners, devices and capabilities of
// the image are no privilege of who builds.
func TestAnyUser(t *testing.T) {
	need.Root(t) // to become another user
	device := tar.Header{Name: "dev/null", Typeflag: tar.TypeChar, Mode: 0o666, Devmajor: 1, Devminor: 3}
	owned := program("usr/bin/ping")
	owned.Mode, owned.Uid = 0o4755, 100
	capable := program("usr/bin/capable")
	capable.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}
	ref := image(t, append(bootable(), dir("usr/bin/"), dir("dev/"), device, owned, capable))
	want := fmt.Sprint(build(t, builder(t), ref, usual(), t.TempDir()).Files)
	home, err := os.MkdirTemp("", "slipway-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(home) }()
	tool(t, "cp", "-r", strings.TrimPrefix(ref, "oci:"), filepath.Join(home, "image"))
	program := filepath.Join(home, "program")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tool(t, "cp", self, program)
	tool(t, "chmod", "-R", "a+rX", home)
	if err := os.Chown(home, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	got, err := exec.Output(t.Context(), exec.Cmd{
		Args: []string{program}, Dir: home, Env: []string{asNobody + "=oci:image", "PATH=/usr/bin:/bin", "TMPDIR=" + home},
		Attr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}},
	})
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v; root makes %s", got, err, want)
	}
}
