package jobcmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/prow/local"
)

// Exit codes of job run, besides those of every command: timeout(1)'s, and a shell's
// for an interrupt.
const (
	exitTimeout = 124
	exitAborted = 130
)

func jobRun(env cli.Env, w world) *cobra.Command {
	var (
		ask    request
		flags  engineFlags
		format command.Form
		dryRun bool
	)
	c := &cobra.Command{
		Use: "run JOB", Short: "Run a job on this machine in the pod that Prow would make", Args: oneJob,
		Long: `Run a job on this machine in the pod that Prow would make.

A presubmit sees the uncommitted changes of a checkout as a pull request, or the one
that --pull and --pull-ref name; a postsubmit sees a merge; a periodic its branch. The
job works on a copy of the repository, so that nothing it pushes leaves the run's
folder. Images of this tree take the place of the pushed ones that the job names.

The folder of the run holds what Prow would upload: started.json, finished.json,
build-log.txt, podinfo.json, prowjob.json and artifacts/; the copies are in git/.

Exit codes: 0 success, 1 failure or error, 2 misused, 124 timeout, 130 aborted.`,
		Example: `  slipway job run hello-guest-packagebuild-deb12 --repo ../hello-guest
  slipway job run hello-guest-packagebuild-deb12 --repo ../hello-guest --pull 12 --pull-ref my-branch
  slipway job run hello-guest-build --repo ../hello-guest --volume store=out/store --volume cache=out/cache
  slipway job run hello-guest-packagebuild-deb12 --repo ../hello-guest -- --targets deb12 --root host --lint=false`,
		RunE: func(c *cobra.Command, args []string) error {
			chosen, err := flags.choose(w.engines)
			if err != nil {
				return err
			}
			ask.remote = chosen.remote
			if dryRun {
				return show(c, args, env, w, &ask, format)
			}
			r := run{env: env, world: w, engine: chosen, flags: flags, ask: &ask, format: format}
			return r.do(c, args)
		},
	}
	ask.addFlags(c.Flags())
	flags.addFlags(c.Flags(), w.engines)
	command.FormFlag(c.Flags(), &format)
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be done, as slipway job show does")
	return c
}

// run is one call of job run.
type run struct {
	env    cli.Env
	world  world
	engine engine
	flags  engineFlags
	ask    *request
	format command.Form
}

func (r run) do(c *cobra.Command, args []string) error {
	ctx := c.Context()
	engine, err := r.engine.open(r.flags)
	if err != nil {
		return err
	}
	var (
		p      planned
		copies []local.Copy
	)
	err = withScratch(func(scratch string) error {
		if p, err = r.ask.plan(c, args, r.world, false, scratch, sayTo(r.env)); err != nil {
			return err
		}
		if err := vacant(p.Output); err != nil {
			return err
		}
		if err := r.fetch(ctx, &p); err != nil {
			return err
		}
		if copies, err = local.CopyAll(ctx, p.sources, p.Output, sayTo(r.env)); err != nil {
			err = errors.Join(err, local.Discard(p.Plan))
		}
		return err
	})
	if err != nil {
		return interrupted(ctx, err)
	}
	result, err := engine.Run(ctx, p.Plan, r.logs())
	if err != nil {
		return interrupted(ctx, errors.Join(fmt.Errorf("run %s: %w", p.ProwJob.Spec.Job, err), local.Discard(p.Plan)))
	}
	if err := r.report(context.WithoutCancel(ctx), p, result, copies); err != nil {
		return err
	}
	return verdict(p.ProwJob.Spec.Job, result)
}

// vacant refuses a folder that holds something, such as another run.
func vacant(folder string) error {
	entries, err := os.ReadDir(folder)
	if err == nil && len(entries) > 0 {
		return cli.Misuse("output folder %s holds %s already; name another with --output-dir, or remove it", folder, entries[0].Name())
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// fetch makes every image be where the engine finds it.
func (r run) fetch(ctx context.Context, p *planned) error {
	foreign := p.Foreign()
	if err := p.load(ctx); err != nil {
		return err
	}
	if r.engine.fetch == nil {
		return nil
	}
	return r.engine.fetch(ctx, foreign, sayTo(r.env))
}

// interrupted gives an error the exit code of an abort if a person aborted.
func interrupted(ctx context.Context, err error) error {
	var by cli.Interrupted
	if errors.As(context.Cause(ctx), &by) {
		return &cli.ExitError{Code: exitAborted, Err: err}
	}
	return err
}

// verdict is how the command ends: as the job did.
func verdict(job string, result local.Result) error {
	code := cli.ExitFailed
	switch {
	case result.State == prowapi.SuccessState:
		return nil
	case result.TimedOut:
		code = exitTimeout
	case result.State == prowapi.AbortedState:
		code = exitAborted
	}
	return &cli.ExitError{Code: code, Err: fmt.Errorf("job %s: %s", job, ending(result))}
}
