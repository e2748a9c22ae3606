package promotecmd

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/promotion"
)

// PromotionGroup is `slipway promotion`.
func PromotionGroup(env cli.Env) *cobra.Command {
	return cli.Group("promotion", "Move digests between channels, on evidence and approval",
		promotionPlan(env), promotionApply(env, false), promotionResume(env, false), promotionApprove(env), promotionShow(env))
}

const orderHelp = `A channel is named in full, as in hello-os/testing, and means the digest that the
channel before it holds; hello-os/testing@sha256:... names another, and
hello-disk/staging@file:hello-os.qcow2 one by its bytes. A pattern such as
'*/testing' means every channel that matches and has something new to take.`

func promotionPlan(env cli.Env) *cobra.Command {
	o := &order{world: newWorld(env)}
	var keep bool
	c := &cobra.Command{
		Use: "plan CHANNEL[@DIGEST]...", Short: "Say what would move, which gates are met, and what is missing",
		Long: `Say what would move, which gates are met, and what is missing. Nothing moves.

` + orderHelp + `

The hash names the edges and the gates with their signers, and nothing that drifts:
approvals are for a hash, and hold until something else would move. --keep puts the
plan into the store, where approvers find it and retention leaves its digests alone.`,
		Example: `  slipway promotion plan hello-os/testing --store gs://BUCKET
  slipway promotion plan hello-os/stable --version v1.2.3 --store gs://BUCKET --output json`,
		RunE: func(c *cobra.Command, args []string) error {
			p, plan, err := o.plan(c.Context(), args)
			if err == nil && keep {
				err = p.Keep(c.Context(), plan)
			}
			if err != nil {
				return err
			}
			return o.show(plan)
		},
	}
	o.addFlags(c.Flags())
	c.Flags().BoolVar(&keep, "keep", false, "put the plan into the store, for approvers and retention")
	return c
}

// promotionApply acts with --confirm, or, as a job binary, at once.
func promotionApply(env cli.Env, job bool) *cobra.Command {
	o := &order{world: newWorld(env)}
	var confirm bool
	var hash string
	c := &cobra.Command{
		Use: "apply CHANNEL[@DIGEST]...", Short: "Move what is ready, and finish what an earlier run left open",
		Long: `Move what is ready, and finish what an earlier run left open.

` + orderHelp + `

Each edge goes its own way: copy across registries with all that refers to it, verify,
intent in the ledger, tag, done in the ledger. An edge that is held or broken is named
and the rest move; then the exit code is 1, and the same command again does what is
left. Of two at once on a channel, one moves it and the other says so.`,
		Example: `  slipway promotion apply hello-os/testing --store gs://BUCKET --confirm
  slipway promotion apply --train guest --store gs://BUCKET --confirm`,
		RunE: func(c *cobra.Command, args []string) error {
			p, plan, err := o.plan(c.Context(), args)
			if err != nil {
				return err
			}
			if err := isStill(plan, hash); err != nil {
				return err
			}
			return o.act(c.Context(), p, plan, confirm || job)
		},
	}
	o.addFlags(c.Flags())
	o.addWho(c.Flags())
	c.Flags().StringVar(&hash, "plan", "", "refuse to act on any plan but the one of this hash")
	if !job {
		c.Flags().BoolVar(&confirm, "confirm", false, "act; without it the plan is shown")
	}
	return c
}

// isStill refuses a plan that is another by now than the one that somebody approved.
func isStill(plan *promotion.Plan, hash string) error {
	if hash == "" || plan.Hash == hash {
		return nil
	}
	return fmt.Errorf("the plan is now %s, not %s: something else would move, or the gate has changed; have it approved again", plan.Hash, hash)
}

const unchanged = "nothing was changed; the same with --confirm does it"

// promotionResume acts with --confirm, or, as a job binary, at once.
func promotionResume(env cli.Env, job bool) *cobra.Command {
	w := newWorld(env)
	var confirm, giveUp bool
	var why string
	c := &cobra.Command{
		Use: "resume [CHANNEL...]", Short: "Finish the moves that earlier runs left open, on these channels or on all",
		Long: `Finish the moves that earlier runs left open, on these channels or on all.

A run that is killed between its intent in the ledger and the end of its move leaves
it open. Their gates were met, so they are rolled forward. A run that is still at work
is left alone. --give-up writes instead that the moves came to nothing; channel audit
then shows pointers that had moved already, and channel restore puts them back.`,
		Example: "  slipway promotion resume --store gs://BUCKET --confirm",
		RunE: func(c *cobra.Command, args []string) error {
			p, err := w.promoter(c.Context())
			if err != nil {
				return err
			}
			channels, err := w.match(args)
			if err == nil {
				channels, err = p.Open(c.Context(), channels)
			}
			if err != nil {
				return err
			}
			for _, full := range channels {
				fmt.Fprintln(env.Stdout, full)
			}
			switch {
			case len(channels) == 0:
				w.say("nothing is open")
				return nil
			case !confirm && !job:
				w.say(unchanged)
				return nil
			case giveUp:
				return p.GiveUp(c.Context(), channels, why)
			}
			return p.Resume(c.Context(), channels)
		},
	}
	w.addFlags(c.Flags())
	w.addWho(c.Flags())
	if !job {
		c.Flags().BoolVar(&confirm, "confirm", false, "act; without it the open channels are listed")
	}
	c.Flags().BoolVar(&giveUp, "give-up", false, "write that the moves came to nothing instead")
	c.Flags().StringVar(&why, "why", "", "the reason, for the ledger")
	return c
}

func promotionShow(env cli.Env) *cobra.Command {
	w := newWorld(env)
	return w.showing(&cobra.Command{
		Use: "show HASH", Short: "Show a plan that the store keeps, and who approved it", Args: oneArgument("plan's hash"),
		Example: "  slipway promotion show sha256:0123... --store gs://BUCKET",
	}, func(ctx context.Context, args []string) (any, func(io.Writer), error) {
		return w.keptPlan(ctx, args[0])
	})
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339) }
