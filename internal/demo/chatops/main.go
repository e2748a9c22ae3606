// Chatops shows on one machine how people promote by comments: a disk goes to testing
// and to stable, is stopped and let go on, and comes back. Everything that it makes
// lies below out/demo-chatops, and everything listens on loopback.
//
// GitHub is the strict fake of the tests, and the cluster a list of ProwJobs in
// memory. The plugin, its webhooks, OWNERS in a git repository, signatures, the
// promoter and the store are real. A word that does not come about fails the demo.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/demo/play"
)

func main() {
	cli.Main(func(env cli.Env) *cobra.Command {
		var out string
		c := &cobra.Command{
			Use: "demo-chatops", Short: "Promote disks by comments, and show what stops it", Args: cli.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return demo(c.Context(), env, out, story()) },
		}
		c.Flags().StringVar(&out, "output", "out/demo-chatops", "folder for repositories, the store and keys; what was there is removed")
		return c
	})
}

// demo plays a story in a new folder. Of one that is called off nothing stays; one that
// fails leaves what it made to be looked at.
func demo(ctx context.Context, env cli.Env, out string, story []scene) error {
	began := time.Now()
	f, err := play.NewFolder(out, about)
	if err != nil {
		return err
	}
	s := newStage(env, f)
	err = s.playIn(ctx, story)
	switch {
	case ctx.Err() != nil:
		return errors.Join(err, f.Remove())
	case err != nil:
		return fmt.Errorf("%w\nwhat the demo left is in %s; plugin.log there has what the plugin did", err, f.Path)
	}
	fmt.Fprintf(env.Stdout, "\n%d checks, all as they should be, in %.0f s. Look around in %s.\n"+
		"After `make build` the last commands can be typed again; README there has them.\n", s.checks, time.Since(began).Seconds(), f.Path)
	return nil
}

// about is what the README of the demo's folder begins with.
const about = `What the demonstration of promoting by comments left; the next one removes it.

configuration/  the configuration repository as it was in the end: channels, keys, OWNERS
store/          decisions/ (what people said, signed), plans/, ledger/, evidence/, chatops/ (what the plugin has to do)
disks/          the disks, and what channels point to
logs/           what each promoter's ProwJob printed
git/            the repositories of the fake GitHub
plugin.log      what the plugin did
ci.key, chatops.key, hmac   made for this demonstration alone

To look around, after make build, in the folder where the demonstration was started:

`
