// Setup installs the Debian packages that tests, the demo and benchmarks need.
//
// It says what it will install before it does, installs nothing that is there,
// and is quick when there is nothing to do.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/exec"
)

// tools are programs in PATH or files by their path, and the Debian package that provides each.
var tools = []struct{ program, pkg string }{
	{"git", "git"},
	{"make", "make"},
	{"gcc", "gcc"},
	{"mmdebstrap", "mmdebstrap"},
	{"dpkg-buildpackage", "dpkg-dev"},
	{"dh", "debhelper"},
	{"aarch64-linux-gnu-gcc", "crossbuild-essential-arm64"},
	{"file", "file"},
	{"lintian", "lintian"},
	{"rpmbuild", "rpm"},
	{"rpmlint", "rpmlint"},
	{"unshare", "util-linux"},
	{"/usr/lib/git-core/git-http-backend", "git"},
	{"/bin/busybox", "busybox-static"},
	{"podman", "podman"},
	{"runc", "runc"},
	{"catatonit", "catatonit"},
	{"/usr/lib/podman/netavark", "netavark"},
	{"/usr/lib/podman/aardvark-dns", "aardvark-dns"},
	{"iptables", "iptables"},
	{"ip", "iproute2"},
	{"skopeo", "skopeo"},
	{"docker-registry", "docker-registry"},
	{"gpg", "gnupg"},
	{"ssh-keygen", "openssh-client"},
	{"flake8", "flake8"},
	{"pytest-3", "python3-pytest"},
	{"qemu-system-x86_64", "qemu-system-x86"},
	{"qemu-img", "qemu-utils"},
	{"/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf"},
	{"sfdisk", "fdisk"},
	{"mcopy", "mtools"},
	{"/sbin/mkfs.vfat", "dosfstools"},
	{"/sbin/mke2fs", "e2fsprogs"},
	{"grub-mkimage", "grub-common"},
	{"/usr/lib/grub/i386-pc/moddep.lst", "grub-pc-bin"},
	{"/usr/lib/grub/x86_64-efi/moddep.lst", "grub-efi-amd64-bin"},
	{"systemd-nspawn", "systemd-container"},
	{"cpio", "cpio"},
	{"zstd", "zstd"},
}

// peers are what benchmarks are measured beside.
var peers = []struct{ program, pkg string }{
	{"sbuild", "sbuild"},
	{"newuidmap", "uidmap"},
}

// node is what a Kubernetes node of tests needs.
var node = []struct{ program, pkg string }{
	{"containerd", "containerd"},
	{"/usr/lib/cni/bridge", "containernetworking-plugins"},
	{"conntrack", "conntrack"},
}

// guests are what boots whole guests beside those of the tests: LXD, and openQA with what it needs.
var guests = []struct{ program, pkg string }{
	{"lxd", "lxd"},
	{"lxc", "lxd-client"},
	{"/usr/share/openqa/script/openqa", "openqa"},
	{"openqa-cli", "openqa-client"},
	{"/usr/share/openqa/script/worker", "openqa-worker"},
	{"isotovideo", "os-autoinst"},
	{"/usr/lib/postgresql/15/bin/postgres", "postgresql"},
}

func main() {
	cli.Main(func(env cli.Env) *cobra.Command {
		var bench, kubernetes, guest bool
		c := &cobra.Command{
			Use: "setup", Short: "Install the Debian packages that tests and the demo need", Args: cli.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				if bench {
					tools = append(tools, peers...)
				}
				if kubernetes {
					tools = append(tools, node...)
				}
				if guest {
					tools = append(tools, guests...)
				}
				return setup(c.Context(), env)
			},
		}
		c.Flags().BoolVar(&bench, "bench", false, "also what benchmarks are measured beside")
		c.Flags().BoolVar(&kubernetes, "kubernetes", false, "also what a Kubernetes node of tests needs")
		c.Flags().BoolVar(&guest, "os", false, "also LXD and openQA")
		return c
	})
}

func setup(ctx context.Context, env cli.Env) error {
	packages := missing()
	if len(packages) == 0 {
		return nil
	}
	list := strings.Join(packages, " ")
	if os.Geteuid() != 0 {
		return fmt.Errorf("these Debian packages are missing; as root, run: apt-get install --no-install-recommends %s", list)
	}
	fmt.Fprintf(env.Stderr, "installing Debian packages that are missing: %s\n", list)
	for _, args := range [][]string{
		{"apt-get", "update", "-qq"},
		append([]string{"apt-get", "install", "-qq", "-y", "--no-install-recommends"}, packages...),
	} {
		err := exec.Run(ctx, exec.Cmd{
			Args: args, Env: append(os.Environ(), "DEBIAN_FRONTEND=noninteractive"),
			Stdout: env.Stderr, Stderr: env.Stderr,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func missing() []string {
	var packages []string
	seen := map[string]bool{}
	for _, tool := range tools {
		if !there(tool.program) && !seen[tool.pkg] {
			seen[tool.pkg] = true
			packages = append(packages, tool.pkg)
		}
	}
	return packages
}

// there says whether a program is in PATH, or a file where its path says.
func there(program string) bool {
	if filepath.IsAbs(program) {
		_, err := os.Stat(program)
		return err == nil
	}
	_, err := exec.LookPath(program)
	return err == nil
}
