// Os takes an operating system the whole way on one machine: packages, image, disk, boot
// test, openQA, and channels that move on nothing but the proof of these. Everything
// that it makes lies below out/demo-os, and everything listens on loopback.
//
// It only drives the commands that people type. The registry, QEMU and openQA are real.
package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/command/diskcmd"
	"slipway.dev/slipway/internal/command/imagecmd"
	"slipway.dev/slipway/internal/command/imagecmd/releasecmd"
	"slipway.dev/slipway/internal/command/openqacmd"
	"slipway.dev/slipway/internal/command/promotecmd"
	"slipway.dev/slipway/internal/command/vmcmd"
	"slipway.dev/slipway/internal/demo/play"
)

func main() {
	cli.Main(func(env cli.Env) *cobra.Command {
		var out string
		c := &cobra.Command{
			Use: "demo-os", Short: "Take an operating system from its packages to stable", Args: cli.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return demo(c.Context(), env, out) },
		}
		c.Flags().StringVar(&out, "output", "out/demo-os", "folder for repositories, disks, reports, the store and the keys; what was there is removed")
		return c
	})
}

// about is what the README of the demo's folder begins with.
const about = `What the demonstration of an operating system's way left; the next one removes it.

reports/     of each boot test: open report.html; boot.png is the screen
openqa/      of openQA: screenshots, logs and JUnit
disks/       the disks, each with the record of what it was made of
example/     the repositories of the image and of its package
store/       evidence, ledgers and plans
termina-component-testing/, termina-components/   the buckets of disks under test and of released ones
config/      channels and keys, made for this demonstration alone
`

// deadline is for one act; a boot test of two firmwares without KVM takes minutes.
const deadline = 20 * time.Minute

// demo plays the story in a new folder. Of one that is called off nothing stays; one
// that fails leaves what it made to be looked at.
func demo(ctx context.Context, env cli.Env, out string) error {
	began := time.Now()
	examples, err := filepath.Abs("examples")
	if err != nil {
		return err
	}
	f, err := play.NewFolder(out, about)
	if err != nil {
		return err
	}
	s := &play.Stage{
		Env: env, Vars: map[string]string{"examples": examples}, Commands: commands, Deadline: deadline,
	}
	err = perform(ctx, s, f)
	switch {
	case ctx.Err() != nil:
		return errors.Join(err, f.Remove())
	case err != nil:
		return fmt.Errorf("%w\nwhat the demo left is in %s", err, f.Path)
	}
	fmt.Fprintf(env.Stdout, "\n%d checks, all as they should be, in %.0f s. Look around in %s; open reports/1/report.html there.\n",
		s.Checks(), time.Since(began).Seconds(), f.Path)
	return nil
}

// commands are what `slipway` knows here.
func commands(env cli.Env) []*cobra.Command {
	image := imagecmd.Group(env)
	image.AddCommand(releasecmd.Release(env))
	all := append(command.Slipway(env).Commands(), image, diskcmd.Group(env), vmcmd.Group(env), openqacmd.Group(env))
	return append(all, promotecmd.Groups(env)...)
}
