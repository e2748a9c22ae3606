// Package containercmd makes the commands that start containers: slipway container, and
// the job binary container-tester.
//
// A container is of internal/container, and what is expected of it is a test plan as
// machines have; how it went is told and filed in the same words. A run that was cut
// short, or that this machine broke, is no verdict and files no evidence.
package containercmd

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/command/evidenceflags"
	"slipway.dev/slipway/internal/container"
)

// Group is `slipway container`.
func Group(env cli.Env) *cobra.Command {
	return cli.Group("container", "Start containers, and test what starts", Test(env))
}

// flags are what a test of a container takes.
type flags struct {
	evidence evidenceflags.Flags
	pairing  pairingFlags

	plan, denylist, track string
	set                   map[string]string
	runtime, cache        string
	artifacts             string
	network               bool
	binds                 []string
	deadline              time.Duration
	form                  command.Form
}

const help = `Start a guest's root file system as a container, and test what is expected of it.

ROOT is %s. It is never
changed: the container writes beside it. auto takes the first of LXD, systemd-nspawn and
podman that a trial shows to work here, and says which and why. The container has no
network but loopback, unless --network shares this machine's.

The plan is one of slipway vm test; its machine's memory, processors and firmware mean
nothing here. ${NAME} in it is the value that --set gives; $${ is a plain ${.

Into the artifacts' folder go report.html, junit_guest.xml, run.json, consoles and
journals. With --store the results are signed and filed as evidence about the root's
digest; failed tests are evidence too. The exit code is 1 when a test failed that no
denylist entry excuses.

With --suite no ROOT is named: the container and the virtual machine of the suite are what
their channels hold by the ledger, looked up once; the machine is booted, the container is
started in it, and the evidence is named as the suite is, and about both digests.`

func (f *flags) help() string { return strings.Replace(help, "%s", container.Forms, 1) }

// Test is `slipway container test`.
func Test(env cli.Env) *cobra.Command {
	f := &flags{}
	c := &cobra.Command{
		Use: "test [ROOT]", Short: "Start a container and test what starts", Long: f.help(),
		Example: `  slipway container test rootfs:guest.tar.xz --plan plan.yaml --set milestone=74
  slipway container test lxd:metadata.tar.xz,rootfs.tar.xz --plan plan.yaml --runtime lxd
  slipway container test HOST/PATH@sha256:HEX --plan plan.yaml --store gs://BUCKET --key boot.key --log URL
  slipway container test --suite pfq --suites suites.yaml --store gs://BUCKET --key pair.key --log URL`,
		RunE: func(c *cobra.Command, args []string) error {
			f.artifacts = cmp.Or(f.artifacts, env.Getenv("ARTIFACTS"), "artifacts")
			if err := f.pairing.settle(c.Flags()); err != nil {
				return err
			}
			return f.run(c.Context(), env, args)
		},
	}
	f.add(c.Flags())
	return c
}

// Tester is the job binary.
func Tester(env cli.Env) *cobra.Command {
	f := &flags{}
	c := &cobra.Command{
		Use: "container-tester [ROOT]", Short: "Start a container and test what starts", Long: f.help(),
		Example: "  container-tester HOST/PATH@sha256:HEX --plan plan.yaml --store /store --key /secrets/container/key --log URL",
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.evidence.Job(env, &f.artifacts); err != nil {
				return err
			}
			if err := f.pairing.settle(c.Flags()); err != nil {
				return err
			}
			return f.run(c.Context(), env, args)
		},
	}
	f.add(c.Flags())
	return c
}

func (f *flags) add(to *pflag.FlagSet) {
	f.evidence.Add(to, "container")
	f.pairing.add(to)
	to.StringVar(&f.plan, "plan", "", "what is expected of the guest: a test plan, as in docs/vm-plan.md")
	to.StringToStringVar(&f.set, "set", nil, "value of a variable of the plan, NAME=VALUE, as milestone=74; may be given more than once")
	to.StringVar(&f.denylist, "denylist", "", "tests that are known to fail, until when and who works on them")
	to.StringVar(&f.track, "track", "", "the track, for entries of the denylist")
	to.StringVar(&f.runtime, "runtime", container.Auto, "what runs the container: "+strings.Join(container.Names(), ", "))
	to.StringVar(&f.cache, "cache", "", "folder for unpacked root file systems (default: slipway/containers in the user's cache)")
	to.StringVar(&f.artifacts, "artifacts", "", "folder for the report and logs (default: $ARTIFACTS, else artifacts)")
	to.BoolVar(&f.network, "network", false, "share this machine's network with the container, as for packages to upgrade")
	to.StringArrayVar(&f.binds, "bind", nil, "folder of this machine to show in the container, read-only, SOURCE:TARGET, as a mirror of packages; may be given more than once")
	to.DurationVar(&f.deadline, "deadline", time.Hour, "bound of the whole run")
	command.FormFlag(to, &f.form)
}

// check refuses misuse before anything is read.
func (f *flags) check(args []string) error {
	switch suite := f.pairing.suite != ""; {
	case suite && len(args) > 0:
		return cli.Misuse("--suite takes what the channels hold; leave %s out", args[0])
	case suite && (f.plan != "" || f.runtime != container.Auto || f.network || len(f.binds) > 0):
		return cli.Misuse("--plan, --runtime, --network and --bind are not for --suite, whose plan and virtual machine the suites' file says")
	case suite:
		if err := f.pairing.check(); err != nil {
			return err
		}
	case f.pairing.suites != "" || f.pairing.ledger != "" || f.pairing.accel != "":
		return cli.Misuse("--suites, --ledger and --accel are for --suite; add it, or leave them out")
	case len(args) != 1:
		return cli.Misuse("name one root file system: %s", container.Forms)
	case f.plan == "":
		return cli.Misuse("--plan is missing; name a test plan (docs/vm-plan.md says what is in it)")
	}
	if f.deadline <= 0 {
		return cli.Misuse("--deadline %s is no time to run in", f.deadline)
	}
	if f.runtime != container.Auto {
		if _, err := container.Named(f.runtime); err != nil {
			return cli.Misuse("--runtime: %w", err)
		}
	}
	if _, err := f.bound(); err != nil {
		return err
	}
	return f.evidence.Check()
}

// bound are the folders of --bind.
func (f *flags) bound() ([]container.Bind, error) {
	var binds []container.Bind
	for _, text := range f.binds {
		source, target, ok := strings.Cut(text, ":")
		if !ok || !strings.HasPrefix(source, "/") || !strings.HasPrefix(target, "/") || strings.Contains(target, ":") {
			return nil, cli.Misuse("--bind %q: write SOURCE:TARGET, both as whole paths without colons", text)
		}
		if _, err := os.Stat(source); err != nil {
			return nil, cli.Misuse("--bind %s: %w", text, err)
		}
		binds = append(binds, container.Bind{Source: source, Target: target})
	}
	return binds, nil
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return fmt.Sprintf(": %s", reason)
}
