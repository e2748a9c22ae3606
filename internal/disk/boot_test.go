package disk

import (
	"archive/tar"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// rootScript says what the kernel makes of the root.
const rootScript = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox dmesg | /bin/busybox grep -o "Freeing initrd memory"
echo "root says: $(/bin/busybox cat /etc/marker), linked $(/bin/busybox stat -c %h /etc/marker), args $(/bin/busybox cat /proc/cmdline)"
i=0; while [ $i -lt 300 ]; do echo $i >/var/new-$i; i=$((i+1)); done
/bin/busybox seq 1 2000000 >/var/large
echo "root wrote: $(/bin/busybox ls /var | /bin/busybox wc -l)"
/bin/busybox mount -o remount,ro /
/bin/busybox poweroff -f
`

// guestImage is an image with a real kernel, which knows NVMe disks and ext4 by itself, an
// initrd that leaves it to find the root, and an init that tells about it and powers off.
func guestImage(t *testing.T) string {
	t.Helper()
	k := tinyguest.Kernel(t)
	version := tinyguest.KernelVersion(t)
	packages := filepath.Dir(filepath.Dir(k))
	text := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	script := regular("sbin/init", rootScript)
	script.Mode = 0o755
	busybox := regular("bin/busybox", text(filepath.Join(packages, "bin", "busybox")))
	busybox.Mode = 0o755
	folder := "usr/lib/modules/" + version
	return image(t, []tar.Header{
		dir("bin/"), busybox, dir("sbin/"), script, dir("var/"), dir("etc/"), regular("etc/marker", "old"),
		dir("usr/"), dir("usr/lib/"), dir("usr/lib/modules/"), dir(folder + "/"),
		regular(folder+"/vmlinuz", text(k)), regular(folder+"/initramfs.img", initrd(t)),
	}, []tar.Header{regular("etc/marker", "new"), {Name: "etc/other", Typeflag: tar.TypeLink, Linkname: "etc/marker"}})
}

// initrd is one file that is no /init, packed as cpio.
func initrd(t *testing.T) string {
	t.Helper()
	need.Tool(t, "cpio", "cpio")
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "marker"), make([]byte, 100<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	packed, err := exec.Output(t.Context(), exec.Cmd{
		Args: []string{"cpio", "--quiet", "-o", "-H", "newc"}, Dir: folder, Stdin: strings.NewReader("marker\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(packed)
}

// boot boots a disk until it powers off, and returns what its serial port said.
func boot(t *testing.T, disk string, firmware ...string) string {
	t.Helper()
	return bootAs(t, "qcow2", disk, firmware)
}

func bootRaw(t *testing.T, disk string) string {
	t.Helper()
	return bootAs(t, "raw", disk, uefi)
}

// uefi is the firmware of OVMF, whose settings do not outlive the machine.
var uefi = []string{"-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"}

func bootAs(t *testing.T, format, disk string, firmware []string) string {
	t.Helper()
	need.Tool(t, "qemu-system-x86_64", "qemu-system-x86")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := append([]string{
		"qemu-system-x86_64", "-machine", "q35,accel=tcg", "-m", "256", "-nodefaults", "-display", "none", "-no-reboot",
		"-serial", "stdio", "-vga", "std", "-drive", "if=none,id=disk,format=" + format + ",file=" + disk, "-device", "nvme,drive=disk,serial=disk",
	}, firmware...)
	said, err := exec.Output(ctx, exec.Cmd{Args: args})
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return string(said)
}

// A disk boots under both firmwares from its own kernel, initrd and root, and what the
// guest wrote into the root leaves it whole.
func TestBoot(t *testing.T) {
	need.Tool(t, "qemu-img", "qemu-utils")
	b, o := builder(t), usual()
	o.Formats, o.Arguments, o.Size = []Format{QCOW2}, []string{"quiet", "panic=-1", "asked=yes"}, 320*mib
	ref, firmwares := guestImage(t), map[string][]string{"BIOS": nil, "UEFI": uefi}
	for name, firmware := range firmwares {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			r := build(t, b, ref, o, folder)
			disk := filepath.Join(folder, "guest.qcow2")
			said := boot(t, disk, firmware...)
			for _, want := range []string{"Freeing initrd memory", "root says: new, linked 2", "root=PARTUUID=" + r.Partitions[2].UUID, "asked=yes", "root wrote: 301"} {
				if !strings.Contains(said, want) {
					t.Errorf("the guest did not say %q:\n%s", want, said)
				}
			}
			raw := filepath.Join(folder, "after.raw")
			tool(t, "qemu-img", "convert", "-O", "raw", disk, raw)
			tool(t, "e2fsck", "-fn", fmt.Sprintf("%s?offset=%d", raw, r.Partitions[2].Start))
		})
	}
}

// A guest that wrote its other slot boots it once, then the old one again; a slot that
// cannot be loaded gives way.
func TestSlots(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "os" {
		t.Skip("two more boots take a minute; run: make e2e-os")
	}
	b, o := builder(t), usual()
	o.Formats, o.Arguments, o.Size, o.Slots = []Format{Raw}, []string{"quiet", "panic=-1"}, 448*mib, 2
	folder := t.TempDir()
	r := build(t, b, guestImage(t), o, folder)
	if len(r.Partitions) != 4 || r.Partitions[2].Size != r.Partitions[3].Size {
		t.Fatalf("got partitions %+v", r.Partitions)
	}
	disk := filepath.Join(folder, "guest.raw")
	esp := fmt.Sprintf("%s@@%d", disk, r.Partitions[1].Start)
	put := func(name, text string) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		tool(t, "mcopy", "-o", "-i", esp, path, "::/slipway/"+name)
	}
	other := bootConfig("a", append([]string{"slot=b"}, r.Arguments...), false)
	tool(t, "mmd", "-i", esp, "::/slipway/b")
	put("b/boot.cfg", other)
	put("grubenv", strings.Replace(grubEnvironment(), "#######", "next=b\n", 1))
	if said := bootRaw(t, disk); !strings.Contains(said, "root says") || !strings.Contains(said, "slot=b") {
		t.Errorf("the other slot was not booted: %s", said)
	}
	put("default.cfg", "set default=b\n")
	put("b/boot.cfg", strings.Replace(other, "/a/vmlinuz", "/b/vmlinuz", 1))
	if said := bootRaw(t, disk); !strings.Contains(said, "root says") || strings.Contains(said, "slot=b") {
		t.Errorf("the old slot was not booted: %s", said)
	}
	if env := tool(t, "mtype", "-i", esp, "::/slipway/grubenv"); strings.Contains(env, "next=b") {
		t.Errorf("the slot of one boot is still there: %s", env)
	}
}
