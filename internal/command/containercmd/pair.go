package containercmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/runner"
	"slipway.dev/slipway/internal/pairing"
	"slipway.dev/slipway/internal/qemu"
	"slipway.dev/slipway/internal/scratch"
	"slipway.dev/slipway/internal/store/storeurl"
)

// pairingFlags say which pairing of container and virtual machine is tested.
type pairingFlags struct {
	suite, suites  string
	config, ledger string
	accel          string
}

func (f *pairingFlags) add(to *pflag.FlagSet) {
	to.StringVar(&f.suite, "suite", "", "test this pairing of channels, container and virtual machine, and nothing that is named here")
	to.StringVar(&f.suites, "suites", "", "file of the suites (docs/container.md says what is in it)")
	to.StringVar(&f.config, "config", "config/channels.yaml", "the channels' configuration, for --suite")
	to.StringVar(&f.ledger, "ledger", "", "where the channels' ledger is, for --suite (default: --store)")
	to.StringVar(&f.accel, "accel", "", "kvm or tcg, for --suite (default: kvm if a trial boot works)")
}

// settle lets a suite choose what other flags are unless they were given.
func (f *pairingFlags) settle(flags *pflag.FlagSet) error {
	if f.suite == "" {
		return nil
	}
	if f.ledger == "" {
		f.ledger = flags.Lookup("store").Value.String()
	}
	if flags.Changed("test") {
		return nil
	}
	return flags.Set("test", f.suite)
}

// check refuses misuse before anything is read.
func (f *pairingFlags) check() error {
	switch {
	case f.suites == "":
		return cli.Misuse("--suites is missing; name the file that has the suite %s (docs/container.md says what is in it)", f.suite)
	case f.ledger == "":
		return cli.Misuse("--ledger is missing, and so is --store; name where the channels' ledger is: %s", storeurl.Forms)
	case !slices.Contains([]string{"", qemu.KVM, qemu.TCG}, f.accel):
		return cli.Misuse("--accel %s is none; write kvm or tcg", f.accel)
	}
	return nil
}

// pair tests the pairing of a suite.
func (t *tests) pair(ctx context.Context) (err error) {
	way, suite, err := t.loadSuite()
	if err != nil {
		return err
	}
	inner, outer, err := t.resolve(ctx, suite)
	if err != nil {
		return err
	}
	t.suite, t.guest = t.pairing.suite, inner.channel+" in "+outer.channel
	t.about(inner.channel, inner.digest)
	t.about(outer.channel, outer.digest)
	roots, err := t.roots()
	if err != nil {
		return err
	}
	root, err := inner.root(ctx, roots)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	file, err := roots.Disk(ctx, root)
	if err != nil {
		return err
	}
	vm, remove, err := t.vm(ctx, outer, file)
	if err != nil {
		return err
	}
	defer remove()
	return t.all(ctx, runner.Config{
		Available: qemu.Available,
		Starter:   pairing.Starter{VM: vm, Way: way, Boot: t.what.Machine.Boot, Say: t.say},
	})
}

// about adds what is tested.
func (t *tests) about(name, digest string) {
	t.say(fmt.Sprintf("%s is %s", name, digest))
	t.subjects = append(t.subjects, evidence.Subject{Name: name, Digest: digest})
	t.facts = append(t.facts, guest.Fact{Name: name, Value: digest})
}

// loadSuite reads the suites, and the plan of the one that is wanted.
func (t *tests) loadSuite() (pairing.Way, pairing.Suite, error) {
	suites, err := pairing.Load(t.pairing.suites)
	var suite pairing.Suite
	if err == nil {
		suite, err = suites.Named(t.pairing.suite)
	}
	if err != nil {
		return pairing.Way{}, suite, &cli.UsageError{Err: err}
	}
	if t.what, t.denied, err = t.loadPlan(suite.Plan); err != nil {
		return pairing.Way{}, suite, err
	}
	if n := len(t.what.Machine.Firmware); n > 1 {
		return pairing.Way{}, suite, cli.Misuse("%s: the machine of a suite boots by one firmware, and the plan names %d", suite.Plan, n)
	}
	return suites.Way, suite, nil
}

// vm fetches what a channel holds, and is the machine that boots it, with the container's
// root as its last disk. remove removes what was fetched.
func (t *tests) vm(ctx context.Context, of held, root string) (c qemu.Config, remove func(), err error) {
	folder, remove, err := scratch.Place{Parent: os.TempDir(), Prefix: "slipway-pair-"}.MakeGuarded(ctx)
	if err != nil {
		return c, nil, err
	}
	image, disk, err := of.machine(ctx, folder, t.say)
	if err != nil {
		remove()
		return c, nil, err
	}
	if disk != "" {
		t.about("the disk of "+of.channel, disk)
	}
	return t.config(image, root), remove, nil
}

// config is a machine with an image in it.
func (t *tests) config(image pairing.Image, root string) qemu.Config {
	m := t.what.Machine
	c := qemu.Config{
		Accel: t.pairing.accel, Memory: int64(m.Memory), CPUs: m.CPUs, Boot: m.Boot, Say: t.say,
		Kernel: image.Kernel, Initrd: image.Initrd, Append: image.Append,
	}
	if image.Kernel == "" {
		c.Firmware = m.Firmware[0]
	}
	if image.Disk != "" {
		c.Disks = append(c.Disks, qemu.Disk{File: image.Disk})
	}
	c.Disks = append(c.Disks, qemu.Disk{File: root, Format: "raw", Serial: pairing.Serial, ReadOnly: true})
	return c
}
