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
		Use: "history CHANNEL", Short: "Show every record of a channel's ledger, oldest first, after verifying its chain", Args: oneArgument("channel"),
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
