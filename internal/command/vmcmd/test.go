package vmcmd

import (
	"cmp"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/command/evidenceflags"
	"slipway.dev/slipway/internal/guest/plan"
)

// testFlags are what a test of a machine takes.
type testFlags struct {
	machineFlags
	evidence evidenceflags.Flags

	plan, denylist, track string
	previous, artifacts   string
	firstRelease, keep    bool
	jobs                  int
	deadline              time.Duration
	maxConsole            string
	form                  command.Form
}

const testHelp = `Boot a disk and test what is expected of it, from inside and outside.

The guest boots once for each firmware of the plan, its state is kept, and each test runs
on a machine restored from it; a test that failed runs once more on a fresh one. The
console is watched for the failures that people know, and is a test of its own. The disk
is never written. How the guest answers is found out: by its QEMU agent, or by SSH with
a key that systemd or cloud-init (--seed) takes at the first boot.

A disk that is named by its image is pulled from the image's registry, where slipway disk
build --push put it. Into the artifacts' folder go report.html, which is one file, junit_guest.xml, run.json,
the consoles' logs, screenshots and journals. With --store the results are signed and
filed as evidence about the disk, and about the image that its record names; failed
tests are evidence too. A run that was cut short is no verdict and files nothing.

The exit code is 1 when a test failed that no denylist entry excuses.`

// Test is `slipway vm test`.
func Test(env cli.Env) *cobra.Command {
	f := &testFlags{}
	c := &cobra.Command{
		Use: "test", Short: "Boot a disk and test what boots", Long: testHelp, Args: cli.NoArgs,
		Example: `  slipway vm test --image hello-os.qcow2 --plan plan.yaml
  slipway vm test --image hello-os.qcow2 --plan plan.yaml --denylist denylist.yaml --firmware bios --keep
  slipway vm test --image registry.example.com/hello/hello-os:next --plan plan.yaml --wait 1h
  slipway vm test --image new.qcow2 --previous old.qcow2 --plan plan.yaml --store gs://BUCKET --key boot.key --log URL`,
		RunE: func(c *cobra.Command, _ []string) error {
			f.artifacts = cmp.Or(f.artifacts, env.Getenv("ARTIFACTS"), "artifacts")
			return f.run(c.Context(), env)
		},
	}
	f.add(c.Flags())
	c.Flags().BoolVar(&f.keep, "keep", false, "leave the machine of the first test that failed running until Ctrl-C, and say how to log in")
	return c
}

// QemuTester is the job binary.
func QemuTester(env cli.Env) *cobra.Command {
	f := &testFlags{}
	c := &cobra.Command{
		Use: "qemu-tester", Short: "Boot a disk and test what boots", Long: testHelp, Args: cli.NoArgs,
		Example: "  qemu-tester --image /images/hello-os.qcow2 --plan plan.yaml --store /store --key /secrets/boot/key --log URL",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.evidence.Job(env, &f.artifacts); err != nil {
				return err
			}
			return f.run(c.Context(), env)
		},
	}
	f.add(c.Flags())
	return c
}

func (f *testFlags) add(to *pflag.FlagSet) {
	f.machineFlags.add(to)
	f.evidence.Add(to, "boot")
	to.StringVar(&f.plan, "plan", "", "what is expected of the guest: a test plan, as in docs/vm-plan.md")
	to.StringVar(&f.denylist, "denylist", "", "tests that are known to fail, until when and who works on them")
	to.StringVar(&f.track, "track", "", "the track, for entries of the denylist")
	to.StringVar(&f.previous, "previous", "", "the disk of the previous stable release, as --image, for tests of the upgrade")
	to.BoolVar(&f.firstRelease, "first-release", false, "there is no previous release yet: leave tests of the upgrade out")
	to.StringVar(&f.artifacts, "artifacts", "", "folder for the report, logs and screenshots (default: $ARTIFACTS, else artifacts)")
	to.IntVar(&f.jobs, "jobs", 0, "machines at a time (default: as many as there are processors, and memory for)")
	to.DurationVar(&f.deadline, "deadline", 2*time.Hour, "bound of the whole run, beside --wait")
	to.StringVar(&f.maxConsole, "max-console", "64Mi", "how much each guest may print on its console: one that prints more has failed")
	command.FormFlag(to, &f.form)
}

// check refuses misuse before anything is read.
func (f *testFlags) check() error {
	if err := f.machineFlags.check(); err != nil {
		return err
	}
	switch {
	case f.plan == "":
		return cli.Misuse("--plan is missing; name a test plan (docs/vm-plan.md says what is in it)")
	case f.jobs < 0 || f.deadline <= 0:
		return cli.Misuse("--jobs and --deadline cannot be what they are set to")
	case f.previous != "" && f.firstRelease:
		return cli.Misuse("--previous and --first-release exclude each other")
	case f.previous != "" && (f.kernel != "" || f.bundle):
		return cli.Misuse("--previous is for disks with a boot loader")
	case f.evidence.Wanted() && f.kernel != "":
		return cli.Misuse("evidence is about a disk, and --kernel is not in it; make a bundle of them (`slipway disk build --format bundle`)")
	case f.sshPort != 0 && f.jobs != 1:
		return cli.Misuse("--ssh-port is for one machine at a time; add --jobs 1")
	}
	if _, err := plan.ParseSize(f.maxConsole); err != nil {
		return cli.Misuse("--max-console: %v", err)
	}
	return f.evidence.Check()
}
