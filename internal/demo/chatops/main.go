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
	f, err := newFolder(out)
	if err != nil {
		return err
	}
	s := newStage(env, f)
	err = s.playIn(ctx, story)
	switch {
	case ctx.Err() != nil:
		return errors.Join(err, f.remove())
	case err != nil:
		return fmt.Errorf("%w\nwhat the demo left is in %s; plugin.log there has what the plugin did", err, f.path)
	}
	fmt.Fprintf(env.Stdout, "\n%d checks, all as they should be, in %.0f s. Look around in %s.\n"+
		"After `make build` the last commands can be typed again; README there has them.\n", s.checks, time.Since(began).Seconds(), f.path)
	return nil
}
