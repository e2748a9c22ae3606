// Promote shows how images move through channels on one machine: on evidence and
// approval, audited, and back again. Everything that it makes lies below
// out/demo-promote, and everything listens on loopback.
//
// It only drives the commands that people type, and asks other people's programs
// after each of them whether the registry is as it should be.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/promotecmd"
)

func main() {
	cli.Main(func(env cli.Env) *cobra.Command {
		var out string
		c := &cobra.Command{
			Use: "demo-promote", Short: "Promote two images, and show what stops a third", Args: cli.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return demo(c.Context(), env, out) },
		}
		c.Flags().StringVar(&out, "output", "out/demo-promote", "folder for the registry, the store and the keys; what was there is removed")
		return c
	})
}

// demo plays the whole story in a new folder. Of one that is called off nothing stays;
// one that fails leaves what it made to be looked at.
func demo(ctx context.Context, env cli.Env, out string) error {
	began := time.Now()
	s := &stage{
		Env: env, Vars: map[string]string{}, Programs: map[string]string{},
		Commands: promotecmd.Groups, Always: []string{"--store", "store"},
	}
	if err := install(ctx, s, "crane", "cosign"); err != nil {
		return err
	}
	f, err := newFolder(ctx, out)
	if err != nil {
		return err
	}
	err = playIn(ctx, s, f)
	switch {
	case ctx.Err() != nil:
		return errors.Join(err, f.remove(ctx))
	case err != nil:
		return fmt.Errorf("%w\nwhat the demo left is in %s", err, f.path)
	}
	fmt.Fprintf(env.Stdout, "\n%d checks, all as they should be, in %.0f s. Look around in %s.\n", s.Checks(), time.Since(began).Seconds(), f.path)
	return nil
}

func playIn(ctx context.Context, s *stage, f folder) (err error) {
	s.Environ = f.environment()
	if err := f.enter(); err != nil {
		return err
	}
	stop, err := open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	fmt.Fprintf(s.Env.Stdout, "The registry is %s. Commands are run in %s.\n", s.Vars["host"], f.path)
	return s.Play(ctx, story())
}
