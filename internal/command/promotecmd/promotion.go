package promotecmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/promotion"
)

// PromotionGroup is `slipway promotion`.
func PromotionGroup(env cli.Env) *cobra.Command {
	return cli.Group("promotion", "Move digests between channels, on evidence and approval",
		promotionPlan(env), promotionApply(env, false), promotionResume(env, false), promotionApprove(env), promotionShow(env))
}

// order is what a person or a job wants promoted.
type order struct {
	*world
	train, version, tag, repo, requester, why string
	form                                      command.Form
}

func (o *order) addFlags(flags *pflag.FlagSet) {
	o.world.addFlags(flags)
	flags.StringVar(&o.train, "train", "", "all members of this train, together or not at all")
	flags.StringVar(&o.version, "version", "", "the version that goes with it, as in v1.2.3, for channels that require one")
	flags.StringVar(&o.tag, "tag", "", "a signed git tag: the image of its commit is meant, and the tag approves")
	flags.StringVar(&o.repo, "repo", "", "the repository that --tag is in: a URL or path that git can fetch")
	flags.StringVar(&o.requester, "requester", "", "who asks for it; their own approval does not count")
	flags.StringVar(&o.why, "why", "", "the reason, for the ledger")
	command.FormFlag(flags, &o.form)
}

const orderHelp = `A channel is named in full, as in hello-os/testing, and means the digest that the
channel before it holds; hello-os/testing@sha256:... names another. A pattern such as
'*/testing' means every channel that matches and has something new to take.`

func (o *order) plan(ctx context.Context, args []string) (*promotion.Promoter, *promotion.Plan, error) {
	p, err := o.promoter(ctx)
	if err != nil {
		return nil, nil, err
	}
	wanted := promotion.Order{Train: o.train, Requester: o.requester, Why: o.why}
	if wanted.Requests, wanted.OnlyNew, err = o.requests(args); err != nil {
		return nil, nil, err
	}
	plan, err := p.Plan(ctx, wanted)
	return p, plan, misused(err)
}

// misused says of a request that means nothing that the command is to blame.
func misused(err error) error {
	if request := (*promotion.RequestError)(nil); errors.As(err, &request) {
		return cli.Misuse("%w", err)
	}
	return err
}

// requests are the channels of the arguments. One that is matched by a pattern is
// left out when it has nothing new.
func (o *order) requests(args []string) (all []promotion.Request, onlyNew bool, err error) {
	if len(args) == 0 && o.train == "" {
		return nil, false, cli.Misuse("nothing is to be promoted; name a channel as in ARTIFACT/CHANNEL")
	}
	for _, arg := range args {
		full, digest, _ := strings.Cut(arg, "@")
		names := []string{full}
		if isPattern(full) {
			onlyNew = true
			if names, err = o.fed(full); err != nil {
				return nil, false, err
			}
		}
		for _, name := range names {
			r, err := o.request(name, digest)
			if err != nil {
				return nil, false, err
			}
			all = append(all, r)
		}
	}
	if onlyNew && len(args) > 1 {
		return nil, false, cli.Misuse("a pattern stands alone")
	}
	return all, onlyNew, nil
}

// fed are the channels that match and take from another: into an entry channel goes
// what somebody names.
func (o *order) fed(pattern string) ([]string, error) {
	names, err := o.match([]string{pattern})
	names = slices.DeleteFunc(names, func(full string) bool {
		_, ch, err := o.channels.Channel(full)
		return err != nil || ch.From == ""
	})
	if err == nil && len(names) == 0 {
		err = cli.Misuse("%q matches entry channels only; name the digest that enters, as in ARTIFACT/CHANNEL@DIGEST", pattern)
	}
	return names, err
}

func (o *order) request(name, digest string) (promotion.Request, error) {
	r := promotion.Request{Channel: name, Digest: digest, Tag: o.tag, Repository: o.repo}
	_, ch, err := o.known(name)
	if err != nil {
		return r, err
	}
	if o.tag != "" && o.version != "" {
		return r, cli.Misuse("--tag has the version; leave out --version")
	}
	if o.tag != "" && o.repo == "" {
		return r, cli.Misuse("--tag needs --repo, the repository that it is in")
	}
	if ch.Version != "" {
		r.Version = o.version
	} else if o.version != "" && o.train == "" {
		return r, cli.Misuse("%s takes no version", name)
	}
	return r, nil
}

func promotionPlan(env cli.Env) *cobra.Command {
	o := &order{world: newWorld(env)}
	var keep bool
	c := &cobra.Command{
		Use: "plan CHANNEL[@DIGEST]...", Short: "Say what would move, which gates are met, and what is missing",
		Long: `Say what would move, which gates are met, and what is missing. Nothing is changed.

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
			if hash != "" && plan.Hash != hash {
				return fmt.Errorf("the plan is now %s, not %s: something else would move, or the gate has changed; have it approved again", plan.Hash, hash)
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

const unchanged = "nothing was changed; the same with --confirm does it"

// act applies a plan and shows what became of it, or only shows it.
func (o *order) act(ctx context.Context, p *promotion.Promoter, plan *promotion.Plan, confirmed bool) (err error) {
	if confirmed {
		err = p.Apply(ctx, plan)
	}
	if shown := o.show(plan); err == nil {
		err = shown
	}
	if !confirmed {
		o.say(unchanged)
	}
	return err
}

func (o *order) show(plan *promotion.Plan) error {
	plan.Explain()
	return command.Show(o.env.Stdout, o.form, plan, func(w io.Writer) { printPlan(w, plan) })
}

func printPlan(w io.Writer, plan *promotion.Plan) {
	fmt.Fprintf(w, "plan %s\n", plan.Hash)
	if plan.Train != "" {
		fmt.Fprintf(w, "train %s\n", plan.Train)
	}
	for _, step := range plan.Steps {
		printStep(w, step)
	}
}

func printStep(w io.Writer, step *promotion.Step) {
	fmt.Fprintf(w, "%s: %s", step.Channel(), step.State)
	if step.Digest != "" {
		fmt.Fprintf(w, ": %s", step.Digest)
	}
	if step.Version != "" {
		fmt.Fprintf(w, " as %s", step.Version)
	}
	fmt.Fprintln(w)
	if step.Problem != "" {
		fmt.Fprintf(w, "  %s\n", step.Problem)
	}
	for _, r := range step.Requirements {
		fmt.Fprintf(w, "  %s %s: %s\n", mark(r.Met), r.Name, r.Why)
	}
	for _, ask := range step.Requests {
		fmt.Fprintf(w, "  would %s\n", ask)
	}
}

func mark(met bool) string {
	if met {
		return "met  "
	}
	return "unmet"
}

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
		Use: "show HASH", Short: "Show a plan that the store keeps, and who approved it", Args: oneArg("the plan's hash"),
		Example: "  slipway promotion show sha256:0123... --store gs://BUCKET",
	}, func(ctx context.Context, args []string) (any, func(io.Writer), error) {
		return w.keptPlan(ctx, args[0])
	})
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339) }
