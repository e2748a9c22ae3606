package vmcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/guest/console"
	"slipway.dev/slipway/internal/guest/plan"
	"slipway.dev/slipway/internal/guest/report"
	"slipway.dev/slipway/internal/qemu"
)

// bootFlags are what a boot for a person takes.
type bootFlags struct {
	machineFlags
	log string
}

// Boot is `slipway vm boot`.
func Boot(env cli.Env) *cobra.Command {
	f := &bootFlags{}
	c := &cobra.Command{
		Use: "boot", Short: "Boot a disk and say how to log in", Args: cli.NoArgs,
		Long: `Boot a disk, and say how to log in when it answers. Ctrl-C ends the machine.

The disk is never written: what the guest does to it is forgotten. What is wrong on its
console is said as it is seen.`,
		Example: `  slipway vm boot --image hello-os.qcow2
  slipway vm boot --image debian-12-generic-amd64.qcow2 --firmware bios --seed --console console.log`,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), env) },
	}
	f.add(c.Flags())
	c.Flags().StringVar(&f.log, "console", "", "file for what the guest prints on its console")
	return c
}

func (f *bootFlags) run(ctx context.Context, env cli.Env) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	if len(f.firmware) > 1 {
		return cli.Misuse("--firmware names %d; a machine boots by one", len(f.firmware))
	}
	m := plan.Machine{Memory: 1 << 30, CPUs: 2, Boot: 5 * time.Minute, Firmware: []string{qemu.UEFI}}
	if err := f.apply(&m); err != nil {
		return err
	}
	say := func(message string) { env.Log().Info(message) }
	of, err := f.open(ctx, say)
	if err != nil {
		return err
	}
	defer of.close()
	log, err := f.openLog()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	return f.boot(ctx, env, f.config(m, m.Firmware[0], of, say), log)
}

// boot boots the machine and leaves it to a person until ctx ends.
func (f *bootFlags) boot(ctx context.Context, env cli.Env, c qemu.Config, log io.Writer) error {
	starting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watcher := console.New(console.Options{Log: log, Settle: time.Second, Fatal: func(found console.Finding) {
		env.Log().Warnf("on the console: %s (%s)", found, found.Means)
		cancel(errors.New("the guest died: " + found.String()))
	}})
	machine, err := c.Start(starting, watcher)
	if err != nil {
		return errors.Join(fmt.Errorf("boot the guest: %w; by hand: %s", err, byHand(c)), watcher.Close())
	}
	fmt.Fprintln(env.Stdout, login(ctx, machine))
	fmt.Fprintln(env.Stdout, "by hand: "+report.Shell(machine.Command()))
	env.Log().Info("the guest answers; Ctrl-C ends it")
	<-ctx.Done()
	return errors.Join(machine.Close(), watcher.Close())
}

// openLog opens the file for the console; nobody wants it unless it is named.
func (f *bootFlags) openLog() (io.WriteCloser, error) {
	if f.log == "" {
		return nobody{io.Discard}, nil
	}
	log, err := os.Create(f.log)
	if err != nil {
		return nil, fmt.Errorf("write the console: %w", err)
	}
	return log, nil
}

type nobody struct{ io.Writer }

func (nobody) Close() error { return nil }
