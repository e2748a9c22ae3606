package tinyguest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/exec"
)

// libraries are what the agent and the SSH server are linked with.
var libraries = []string{
	"libc.so.6", "libcrypt.so.1", "libglib-2.0.so.0", "libgmodule-2.0.so.0", "libgmp.so.10", "libm.so.6", "libnuma.so.1",
	"libpcre2-8.so.0", "libtomcrypt.so.1", "libtommath.so.1", "libudev.so.1", "liburing.so.2", "libz.so.1",
}

// modules are the kernel's, in the order in which they are loaded.
var modules = []string{
	"net/core/failover", "drivers/net/net_failover", "drivers/virtio/virtio_ring", "drivers/virtio/virtio",
	"drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci_modern_dev", "drivers/virtio/virtio_pci",
	"drivers/virtio/virtio_mmio", "drivers/block/virtio_blk", "drivers/net/virtio_net", "drivers/char/virtio_console",
	"drivers/char/hw_random/virtio-rng", "drivers/misc/pvpanic/pvpanic", "drivers/misc/pvpanic/pvpanic-mmio", "drivers/firmware/qemu_fw_cfg",
}

// spares are modules that lie in the guest, and that a test may load.
var spares = []string{"fs/nls/nls_cp437", "fs/nls/nls_ascii", "fs/fat/fat", "fs/fat/vfat", "fs/efivarfs/efivarfs"}

// texts are the guest's configuration.
var texts = []struct{ name, text string }{
	{"etc/passwd", "root:*:0:0:root:/root:/bin/sh\n"}, {"etc/group", "root:x:0:\n"}, {"etc/shells", "/bin/sh\n"},
	{"etc/os-release", "ID=tinyguest\nVERSION_ID=1\nPRETTY_NAME=\"Tiny guest\"\n"},
}

var folders = []string{
	"bin", "dev", "etc", "etc/dropbear", "lib", "lib/modules", "lib/x86_64-linux-gnu", "lib64", "proc", "root", "root/.ssh",
	"run", "sbin", "sys", "tmp", "usr", "usr/bin", "usr/sbin", "var",
}

// contents are the files of the guest, from the unpacked packages.
func contents(ctx context.Context, packages string) ([]file, error) {
	files := []file{{name: "dev/console", mode: typeDevice | 0o600}}
	for _, name := range folders {
		files = append(files, file{name, typeFolder | 0o755, nil})
	}
	for _, t := range texts {
		files = append(files, file{t.name, typeFile | 0o644, []byte(t.text)})
	}
	files = append(files, file{"init", typeFile | 0o755, initScript}, file{"bin/systemctl", typeFile | 0o755, systemctl})
	files = append(files, file{"etc/modules", typeFile | 0o644, moduleList()})
	for _, p := range programs(packages) {
		data, err := os.ReadFile(p.from)
		if err != nil {
			return nil, err
		}
		files = append(files, file{p.to, typeFile | 0o755, data})
	}
	links, err := applets(ctx, packages)
	if err != nil {
		return nil, err
	}
	key, err := hostKey(ctx, packages)
	if err != nil {
		return nil, err
	}
	files = append(files, file{"etc/dropbear/key", typeFile | 0o600, key})
	return append(files, links...), nil
}

// program is a file of a package and its place in the guest.
type program struct{ from, to string }

// programs are what the guest runs, what that is linked with, and the kernel's modules.
func programs(packages string) []program {
	list := []program{
		{"bin/busybox", "bin/busybox"}, {"usr/sbin/qemu-ga", "usr/sbin/qemu-ga"}, {"usr/sbin/dropbear", "usr/sbin/dropbear"},
		{"lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "lib64/ld-linux-x86-64.so.2"},
	}
	for _, name := range libraries {
		list = append(list, program{"*/" + name, "lib/x86_64-linux-gnu/" + name})
	}
	for _, module := range slices.Concat(modules, spares) {
		list = append(list, program{"lib/modules/*/kernel/" + module + ".ko", "lib/modules/" + filepath.Base(module) + ".ko"})
	}
	for i, p := range list {
		list[i].from = inPackages(packages, p.from)
	}
	return list
}

// inPackages finds a file whose folder has another name in each release.
func inPackages(packages, pattern string) string {
	for _, try := range []string{pattern, strings.Replace(pattern, "*/", "lib/x86_64-linux-gnu/", 1), strings.Replace(pattern, "*/", "usr/lib/x86_64-linux-gnu/", 1)} {
		if found, err := filepath.Glob(filepath.Join(packages, try)); err == nil && len(found) == 1 {
			return found[0]
		}
	}
	return filepath.Join(packages, pattern)
}

// applets are links to busybox, but for those whose names stand for other programs.
func applets(ctx context.Context, packages string) ([]file, error) {
	out, err := exec.Output(ctx, exec.Cmd{Args: []string{filepath.Join(packages, "bin", "busybox"), "--list"}})
	if err != nil {
		return nil, fmt.Errorf("list what busybox can do: %w", err)
	}
	var links []file
	for _, name := range strings.Fields(string(out)) {
		if name != "busybox" && !slices.Contains([]string{"dpkg", "dpkg-deb", "rpm"}, name) {
			links = append(links, file{"bin/" + name, typeLink | 0o777, []byte("busybox")})
		}
	}
	return links, nil
}

// hostKey makes the first key of the guest's SSH server. Keys of other kinds it makes itself,
// anew at each boot, and shows them to who asks for them.
func hostKey(ctx context.Context, packages string) ([]byte, error) {
	folder, err := os.MkdirTemp("", "slipway-tinyguest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	key := filepath.Join(folder, "key")
	libraries := filepath.Join(packages, "lib/x86_64-linux-gnu") + ":" + filepath.Join(packages, "usr/lib/x86_64-linux-gnu")
	_, err = exec.Output(ctx, exec.Cmd{Args: []string{
		filepath.Join(packages, "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"), "--library-path", libraries,
		filepath.Join(packages, "usr/bin/dropbearkey"), "-t", "ed25519", "-f", key,
	}})
	if err != nil {
		return nil, fmt.Errorf("make the key of the guest's SSH server: %w", err)
	}
	return os.ReadFile(key)
}

func moduleList() []byte {
	var out strings.Builder
	for _, module := range modules {
		fmt.Fprintln(&out, filepath.Base(module))
	}
	return []byte(out.String())
}
