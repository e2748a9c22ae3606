package promotecmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/retention"
)

// restoration is an order to put something back.
type restoration struct {
	pruner
	wanted        retention.Wanted
	list, confirm bool
}

func retentionRestore(env cli.Env) *cobra.Command {
	r := &restoration{pruner: pruner{world: newWorld(env)}}
	c := &cobra.Command{
		Use: "restore", Short: "Put back what was deleted, for as long as the registry has its blobs", Args: cli.NoArgs,
		Long: `Put back what a run of retention deleted, byte for byte, with its tags: all of the last
run, or of --run, or the images of --digest with all that belongs to them, from whichever
run deleted that. Without --confirm it is shown.

Images of an index come before it, signatures and the like after what they belong to, and
tags last. A tag that names something else by now is left; so are versions, which
promotion apply sets, and the tags of channels, which channel restore sets. What the
registry does not take is set aside and named, most often because its garbage collection
took the blobs: build that again from source. What was written down and is damaged is
never put back. A second run does what is left.

Rules count what was put back as new. It is written with the credentials of docker or
podman login, which must be allowed to push.`,
		Example: `  slipway retention restore --repository HOST/PATH --list --store gs://BUCKET
  slipway retention restore --repository HOST/PATH --run RUN --store gs://BUCKET --confirm
  slipway retention restore --repository HOST/PATH --digest sha256:... --store gs://BUCKET --confirm`,
		RunE: func(c *cobra.Command, _ []string) error { return r.run(c.Context()) },
	}
	flags := c.Flags()
	r.world.addFlags(flags)
	r.addWho(flags)
	command.FormFlag(flags, &r.form)
	flags.StringVar(&r.wanted.Repository, "repository", "", "the repository, HOST/PATH")
	flags.StringVar(&r.wanted.Run, "run", "", "the run that deleted it, as --list or apply names it (default: the last one)")
	flags.StringArrayVar(&r.wanted.Digests, "digest", nil, "only this manifest, with all that belongs to it; may be repeated")
	flags.BoolVar(&r.list, "list", false, "list the runs that deleted something")
	flags.BoolVar(&r.confirm, "confirm", false, "act; without it the plan is shown")
	return c
}

func (r *restoration) run(ctx context.Context) error {
	switch {
	case r.wanted.Repository == "":
		return cli.Misuse("--repository is missing; name HOST/PATH")
	case r.list && (r.confirm || r.wanted.Run != "" || len(r.wanted.Digests) > 0):
		return cli.Misuse("--list puts nothing back; leave out --confirm, --run and --digest")
	}
	if r.wanted.Run != "" {
		r.wanted.Run = path.Base(r.wanted.Run) // apply names its folder
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	planner := &retention.Planner{
		Config: r.channels, Store: r.store, Registry: r.registryAs(authn.DefaultKeychain), Parallel: r.concurrency, Say: r.say,
	}
	if r.list {
		return r.showRuns(planner.Runs(ctx, r.wanted.Repository))
	}
	restorer := &retention.Restorer{Planner: planner, Writer: r.client(), Who: r.whoami()}
	restore := restorer.Restore
	if !r.confirm {
		r.say("nothing is put back; the same with --confirm does it")
		restore = restorer.Preview
	}
	out, err := restore(ctx, r.wanted)
	if out.Manifests == nil {
		return err
	}
	return errors.Join(r.showRestoration(out), err)
}

func (r *restoration) showRuns(runs []*retention.Run, err error) error {
	if err != nil {
		return err
	}
	if runs == nil {
		runs = []*retention.Run{}
	}
	return command.Show(r.env.Stdout, r.form, runs, func(w io.Writer) {
		for _, run := range runs {
			end := "finished"
			if !run.Finished {
				end = "not finished"
			}
			fmt.Fprintf(w, "%s\t%d written down\t%d deleted\t%s\n", run.Name, run.Saved, run.Deleted, end)
			printDamage(w, run.Damaged)
		}
	})
}

func (r *restoration) showRestoration(out retention.Restoration) error {
	return command.Show(r.env.Stdout, r.form, out, func(w io.Writer) {
		missing, _ := out.Count(retention.Missing)
		back, _ := out.Count(retention.Back)
		here, _ := out.Count(retention.Here)
		aside, _ := out.Count(retention.Aside)
		fmt.Fprintf(w, "%s: %d missing, %d put back, %d here before, %d set aside\n", out.Repository, missing, back, here, aside)
		for _, m := range out.Manifests {
			printReturned(w, m)
		}
		printDamage(w, out.Damaged)
	})
}

// printReturned prints a manifest and its tags, but for what was there before.
func printReturned(w io.Writer, m retention.Returned) {
	if m.State != retention.Here {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", m.State, m.Digest, m.Run, m.Why)
	}
	for _, t := range m.Tags {
		if t.State != retention.Here {
			fmt.Fprintf(w, "  %s\t%s\ttag %s\t%s\n", t.State, m.Digest, t.Tag, t.Why)
		}
	}
}

func printDamage(w io.Writer, damaged []retention.Damage) {
	for _, d := range damaged {
		fmt.Fprintf(w, "  damaged\t%s\t%s\t%s\n", d.File, d.Digest, d.Why)
	}
}
