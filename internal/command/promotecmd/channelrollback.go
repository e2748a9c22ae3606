package promotecmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/promotion"
)

// channelRollback acts with --confirm, or, as a job binary, at once.
func channelRollback(env cli.Env, job bool) *cobra.Command {
	o := &order{world: newWorld(env)}
	var to, hash string
	var confirm, keep bool
	c := &cobra.Command{
		Use: "rollback CHANNEL", Short: "Point a channel back to what it held before, and bar what it holds now",
		Long: `Point a channel back to what it held before, and bar what it holds now.

It is a plan like any other: the digest's tests must still stand, though they may be
old, and the gate's approvals are for this plan's hash. Freezes and soak times do not
stop it. The digest that the channel leaves is barred from it, and from the channel
that takes from it, until slipway channel lift. --keep puts the plan into the store,
where approvers find it.`,
		Example: `  slipway channel rollback hello-os/stable --why "issue 123" --store gs://BUCKET --confirm
  slipway channel rollback hello-os/stable --to sha256:0123... --store gs://BUCKET --confirm`,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := o.promoter(c.Context())
			if err != nil {
				return err
			}
			if o.train != "" && len(args) == 0 {
				args = o.members()
			} else if o.train != "" || len(args) != 1 {
				return cli.Misuse("name a channel, or a train with --train")
			}
			wanted := promotion.Order{Train: o.train, Requester: o.requester, Why: o.why}
			for _, full := range args {
				wanted.Requests = append(wanted.Requests, promotion.Request{Channel: full, Rollback: true, Digest: to})
			}
			plan, err := p.Plan(c.Context(), wanted)
			if err == nil {
				err = isStill(plan, hash)
			}
			if err == nil && keep {
				err = p.Keep(c.Context(), plan)
			}
			if err != nil {
				return misused(err)
			}
			return o.act(c.Context(), p, plan, confirm || job)
		},
	}
	o.world.addFlags(c.Flags())
	o.addWho(c.Flags())
	command.FormFlag(c.Flags(), &o.form)
	c.Flags().StringVar(&o.train, "train", "", "all members of this train instead, together or not at all")
	c.Flags().BoolVar(&keep, "keep", false, "put the plan into the store, for approvers")
	c.Flags().StringVar(&to, "to", "", "the digest to go back to (default: what the channel held before)")
	c.Flags().StringVar(&hash, "plan", "", "refuse to act on any plan but the one of this hash")
	c.Flags().StringVar(&o.why, "why", "", "the reason, for the ledger")
	c.Flags().StringVar(&o.requester, "requester", "", "who asks for it; their own approval does not count")
	if !job {
		c.Flags().BoolVar(&confirm, "confirm", false, "act; without it the plan is shown")
	}
	return c
}

func channelLift(env cli.Env) *cobra.Command {
	w := newWorld(env)
	var why string
	var confirm bool
	c := &cobra.Command{
		Use: "lift CHANNEL DIGEST", Short: "Let a digest back into a channel that was rolled back from it",
		Example: "  slipway channel lift hello-os/stable sha256:0123... --why 'the mirror was at fault' --store gs://BUCKET --confirm",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return cli.Misuse("name a channel and a digest")
			}
			p, err := w.promoter(c.Context())
			if err != nil {
				return err
			}
			if _, _, err := w.known(args[0]); err != nil {
				return err
			}
			if confirm {
				if err := p.Lift(c.Context(), args[0], args[1], why); err != nil {
					return err
				}
				fmt.Fprintf(env.Stdout, "%s: %s may come back\n", args[0], args[1])
				return nil
			}
			line, err := ledger.Read(c.Context(), w.store, args[0])
			if err != nil {
				return err
			}
			by, barred := line.Barred(args[1])
			if !barred {
				return fmt.Errorf("%s is not barred from %s", args[1], args[0])
			}
			fmt.Fprintf(env.Stdout, "would let %s back into %s, from which %s rolled it back: %s\n", args[1], args[0], by.Who, by.Why)
			w.say(unchanged)
			return nil
		},
	}
	w.addFlags(c.Flags())
	w.addWho(c.Flags())
	c.Flags().StringVar(&why, "why", "", "the reason, for the ledger")
	c.Flags().BoolVar(&confirm, "confirm", false, "act")
	return c
}

func channelRestore(env cli.Env) *cobra.Command {
	w := newWorld(env)
	var why string
	var confirm bool
	c := &cobra.Command{
		Use: "restore CHANNEL", Short: "Point a channel back to what its ledger says, after a write from outside", Args: oneArgument("channel"),
		Example: "  slipway channel restore hello-os/stable --why 'moved by hand' --store gs://BUCKET --confirm",
		RunE: func(c *cobra.Command, args []string) error {
			p, err := w.promoter(c.Context())
			if err != nil {
				return err
			}
			if _, _, err := w.known(args[0]); err != nil {
				return err
			}
			if !confirm {
				findings, err := p.Audit(c.Context(), args)
				printFindings(env.Stdout, findings)
				w.say(unchanged)
				return err
			}
			restored, err := p.Restore(c.Context(), args[0], why)
			if err == nil && len(restored) == 0 {
				fmt.Fprintf(env.Stdout, "%s is as its ledger says\n", args[0])
			}
			for _, f := range restored {
				fmt.Fprintf(env.Stdout, "%s: back from %s to %s\n", f.Pointer, dash(f.Live), f.Ledger)
			}
			return err
		},
	}
	w.addFlags(c.Flags())
	w.addWho(c.Flags())
	c.Flags().StringVar(&why, "why", "", "the reason, for the ledger")
	c.Flags().BoolVar(&confirm, "confirm", false, "act")
	return c
}
