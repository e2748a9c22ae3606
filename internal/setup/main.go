// Setup installs the Debian packages that tests, the demo and benchmarks need.
//
// It says what it will install before it does, installs nothing that is there,
// and is quick when there is nothing to do.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/exec"
)

// tools are programs, and the Debian package that provides each.
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

func main() {
	cli.Main(func(env cli.Env) *cobra.Command {
		var bench, kubernetes bool
		c := &cobra.Command{
			Use: "setup", Short: "Install the Debian packages that tests and the demo need", Args: cli.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				if bench {
					tools = append(tools, peers...)
				}
				if kubernetes {
					tools = append(tools, node...)
				}
				return setup(c.Context(), env)
			},
		}
		c.Flags().BoolVar(&bench, "bench", false, "also what benchmarks are measured beside")
		c.Flags().BoolVar(&kubernetes, "kubernetes", false, "also what a Kubernetes node of tests needs")
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
		if _, err := exec.LookPath(tool.program); err != nil && !seen[tool.pkg] {
			seen[tool.pkg] = true
			packages = append(packages, tool.pkg)
		}
	}
	return packages
}
