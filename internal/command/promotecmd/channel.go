package promotecmd

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/promotion"
)

// ChannelGroup is `slipway channel`.
func ChannelGroup(env cli.Env) *cobra.Command {
	return cli.Group("channel", "Channels: what they hold, how it came there, and whether that is still so",
		channelList(env), channelShow(env), channelDiff(env), channelHistory(env), channelAudit(env),
		channelRollback(env, false), channelLift(env), channelRestore(env))
}

// standing is what a channel holds by its ledger.
type standing struct {
	Channel  string     `json:"channel"`
	Location string     `json:"location"`
	Digest   string     `json:"digest,omitempty"`
	Version  string     `json:"version,omitempty"`
	Since    *time.Time `json:"since,omitempty"`
	Who      string     `json:"who,omitempty"`
	Open     string     `json:"open,omitempty"` // digest of an unfinished move
	Problem  string     `json:"problem,omitempty"`
}

func channelList(env cli.Env) *cobra.Command {
	w := newWorld(env)
	return w.showing(&cobra.Command{
		Use: "list [CHANNEL...]", Short: "List channels and what they hold by the ledger",
		Long: `List channels and what they hold by the ledger, all of them or those that are named,
by full name or by a pattern such as '*/stable'.`,
		Example: "  slipway channel list '*/stable' --store gs://BUCKET",
	}, func(ctx context.Context, args []string) (any, func(io.Writer), error) {
		names, err := w.match(args)
		if err != nil {
			return nil, nil, err
		}
		all, err := w.standings(ctx, names)
		return all, func(out io.Writer) {
			for _, s := range all {
				printStanding(out, s)
			}
		}, err
	})
}

func (w *world) standings(ctx context.Context, names []string) ([]standing, error) {
	all := make([]standing, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(w.concurrency)
	for i, full := range names {
		group.Go(func() error {
			a, ch, err := w.channels.Channel(full)
			if err != nil {
				return err
			}
			line, err := ledger.Read(ctx, w.store, full)
			all[i] = stand(line, a, ch, err)
			return ctx.Err()
		})
	}
	return all, group.Wait()
}

func stand(line ledger.Line, a channel.Artifact, ch channel.Channel, err error) standing {
	s := standing{Channel: channel.Full(a.Name, ch.Name), Location: a.At(ch.Name)}
	if err != nil {
		s.Problem = err.Error()
		return s
	}
	if stays := line.Stays(); len(stays) > 0 {
		last := stays[len(stays)-1]
		s.Digest, s.Since, s.Who = last.Done.Digest, &last.Done.Time, last.Intent.Who
		for _, stay := range stays { // a rollback goes back to a version without naming it
			if stay.Done.Digest == s.Digest && stay.Intent.Version != "" {
				s.Version = stay.Intent.Version
			}
		}
	}
	if open, ok := line.Open(); ok {
		s.Open = open.Digest
	}
	return s
}

func printStanding(w io.Writer, s standing) {
	digest, since := s.Digest, ""
	if digest == "" {
		digest = "-"
	}
	if s.Since != nil {
		since = timeText(*s.Since)
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.Channel, digest, s.Version, since, s.Who)
	if s.Open != "" {
		fmt.Fprintf(w, "  unfinished: %s; `slipway promotion resume %s`\n", s.Open, s.Channel)
	}
	if s.Problem != "" {
		fmt.Fprintf(w, "  %s\n", s.Problem)
	}
}

func channelHistory(env cli.Env) *cobra.Command {
	w := newWorld(env)
	return w.showing(&cobra.Command{
		Use: "history CHANNEL", Short: "Show every record of a channel's ledger, oldest first, after verifying its chain", Args: oneArg("a channel"),
		Example: "  slipway channel history hello-os/stable --store gs://BUCKET",
	}, func(ctx context.Context, args []string) (any, func(io.Writer), error) {
		if _, _, err := w.known(args[0]); err != nil {
			return nil, nil, err
		}
		line, err := ledger.Read(ctx, w.store, args[0])
		return line.Records, func(out io.Writer) {
			for _, r := range line.Records {
				printRecord(out, r)
			}
		}, err
	})
}

func printRecord(w io.Writer, r ledger.Record) {
	what := r.Digest
	if r.Version != "" {
		what += " as " + r.Version
	}
	if r.Rollback {
		what += " back from " + r.From
	}
	fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", r.Sequence, timeText(r.Time), r.Kind, what, r.Who, r.Why)
}

func channelAudit(env cli.Env) *cobra.Command {
	w := newWorld(env)
	var form command.Form
	c := &cobra.Command{
		Use: "audit [CHANNEL...]", Short: "Compare where channels and versions point with the ledger",
		Long: `Compare where channels and versions point with the ledger.

Each line of the ledger is verified, then each channel's pointer and each version's is
looked up. What was written from outside, moves that were never finished, and a ledger
that somebody changed are printed, and the exit code is 1. It reads only. Without
arguments it looks at every channel; a periodic job runs it.`,
		Example: "  slipway channel audit --store gs://BUCKET --output json",
		RunE: func(c *cobra.Command, args []string) error {
			p, err := w.promoter(c.Context())
			if err != nil {
				return err
			}
			names, err := w.match(args)
			if err != nil {
				return err
			}
			findings, err := p.Audit(c.Context(), names)
			if err != nil {
				return err
			}
			err = command.Show(env.Stdout, form, findings, func(out io.Writer) { printFindings(out, findings) })
			if len(findings) > 0 {
				return fmt.Errorf("%d of %d channels are not as the ledger says, or could not be looked at", distinctChannels(findings), len(names))
			}
			w.say(fmt.Sprintf("%d channels are as the ledger says", len(names)))
			return err
		},
	}
	w.addFlags(c.Flags())
	command.FormFlag(c.Flags(), &form)
	return c
}

func printFindings(w io.Writer, findings []promotion.Finding) {
	for _, f := range findings {
		fmt.Fprintf(w, "%s\t%s\n", f.Channel, f.What)
		if f.Pointer != "" {
			fmt.Fprintf(w, "  %s points to %s, by the ledger to %s\n", f.Pointer, dash(f.Live), dash(f.Ledger))
		}
	}
}

func dash(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func distinctChannels(findings []promotion.Finding) int {
	names := map[string]bool{}
	for _, f := range findings {
		names[f.Channel] = true
	}
	return len(names)
}

// channelRollback acts with --confirm, or, as a job binary, at once.
func channelRollback(env cli.Env, job bool) *cobra.Command {
	o := &order{world: newWorld(env)}
	var to string
	var confirm, keep bool
	c := &cobra.Command{
		Use: "rollback CHANNEL", Short: "Point a channel back to what it held before, and bar what it holds now", Args: oneArg("a channel"),
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
			plan, err := p.Plan(c.Context(), promotion.Order{
				Requests:  []promotion.Request{{Channel: args[0], Rollback: true, Digest: to}},
				Requester: o.requester, Why: o.why,
			})
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
	c.Flags().BoolVar(&keep, "keep", false, "put the plan into the store, for approvers")
	c.Flags().StringVar(&to, "to", "", "the digest to go back to (default: what the channel held before)")
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
		Use: "restore CHANNEL", Short: "Point a channel back to what its ledger says, after a write from outside", Args: oneArg("a channel"),
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
