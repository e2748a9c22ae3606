package promotecmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/store"
)

// order is what a person or a job wants promoted.
type order struct {
	*world
	train, version, tag, requester, why string
	form                                command.Form
}

func (o *order) addFlags(flags *pflag.FlagSet) {
	o.world.addFlags(flags)
	flags.StringVar(&o.train, "train", "", "all members of this train, together or not at all")
	flags.StringVar(&o.version, "version", "", "the version that goes with it, as in v1.2.3, for channels that require one")
	flags.StringVar(&o.tag, "tag", "", "a signed git tag of the artifact's repository: the image of its commit is meant, and the tag approves")
	flags.StringVar(&o.requester, "requester", "", "who asks for it; their own approval does not count")
	flags.StringVar(&o.why, "why", "", "the reason, for the ledger")
	command.FormFlag(flags, &o.form)
}

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
	if len(args) == 0 {
		args = o.members()
	}
	for _, arg := range args {
		full, named, _ := strings.Cut(arg, "@")
		digest, err := digestOf(named)
		if err != nil {
			return nil, false, err
		}
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

// ofFile begins a digest that is named by a file with its bytes: a job knows the disk
// that it tested, and not its digest.
const ofFile = "file:"

func digestOf(named string) (string, error) {
	path, isFile := strings.CutPrefix(named, ofFile)
	if !isFile {
		return named, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("digest of a file: %w", err)
	}
	defer file.Close()
	digest, _, err := store.Digest(file)
	return "sha256:" + digest, err
}

// members are the channels of the train, if there is such a train.
func (o *order) members() (all []string) {
	for _, t := range o.channels.Trains {
		if t.Name == o.train {
			for _, a := range t.Artifacts {
				all = append(all, channel.Full(a, t.Channel))
			}
		}
	}
	return all
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
	r := promotion.Request{Channel: name, Digest: digest, Tag: o.tag}
	_, ch, err := o.known(name)
	if err != nil {
		return r, err
	}
	if o.tag != "" && o.version != "" {
		return r, cli.Misuse("--tag has the version; leave out --version")
	}
	if ch.Version != "" {
		r.Version = o.version
	} else if o.version != "" && o.train == "" {
		return r, cli.Misuse("%s takes no version", name)
	}
	return r, nil
}

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
	if len(plan.Steps) == 0 {
		fmt.Fprintln(w, "nothing is new")
	}
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
