// Package checkcmd makes the commands of the plain job images: gocheck, gotest,
// gobuild and pycheck.
//
// They are the same by hand and under Prow: they look at the working folder, print
// what failed as file:line, and write JUnit, logs and reports into $ARTIFACTS if
// that is set. They link neither a store nor a cloud, so their images stay small.
package checkcmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/jobenv"
)

// common is what every one of the commands takes.
type common struct {
	source   string
	output   string
	deadline time.Duration
}

func (o *common) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.source, "source", ".", "the checkout")
	flags.StringVar(&o.output, "output", "", "folder for JUnit, logs and reports (default $ARTIFACTS; without either, none are written)")
	flags.DurationVar(&o.deadline, "deadline", 2*time.Hour, "bound of the whole run; what was found until then is reported")
}

// do runs a job on what the flags and Prow's environment name.
func (o *common) do(ctx context.Context, env cli.Env, run func(context.Context, checks.Job) error) error {
	if o.deadline <= 0 {
		return cli.Misuse("--deadline %s is no time to run in", o.deadline)
	}
	job, err := o.job(env)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.deadline, fmt.Errorf("not done within --deadline %s", o.deadline))
	defer cancel()
	return run(ctx, job)
}

func (o *common) job(env cli.Env) (checks.Job, error) {
	prow, err := jobenv.Read(env.Getenv)
	if err != nil {
		return checks.Job{}, err
	}
	root, err := folder(o.source)
	if err != nil {
		return checks.Job{}, cli.Misuse("--source: %w", err)
	}
	output := o.output
	if output == "" {
		output = prow.Artifacts
	}
	if output != "" {
		if output, err = filepath.Abs(output); err != nil {
			return checks.Job{}, cli.Misuse("--output: %w", err)
		}
	}
	say := func(message string) { env.Log().Info(message) }
	return checks.Job{Root: root, Output: output, Stdout: env.Stdout, Say: say}, nil
}

// folder is the real, absolute path of a folder, as the programs that are run name it.
func folder(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder", path)
	}
	return path, err
}

// checker is a program whose work is a choice of checks.
type checker struct {
	defaults []string
	all      []checks.Check // for their names
	open     func(context.Context, checks.Job) ([]checks.Check, error)
}

// command completes c so that it runs the checks that --checks names.
func (k checker) command(env cli.Env, c *cobra.Command) *cobra.Command {
	var (
		common common
		names  []string
	)
	common.addFlags(c.Flags())
	c.Flags().StringSliceVar(&names, "checks", k.defaults, "the checks to run, of "+strings.Join(checks.Names(k.all), ", "))
	c.Args = cli.NoArgs
	c.RunE = func(c *cobra.Command, _ []string) error {
		if _, err := checks.Select(k.all, names); err != nil {
			return cli.Misuse("--checks: %w", err)
		}
		return common.do(c.Context(), env, func(ctx context.Context, job checks.Job) error {
			have, err := k.open(ctx, job)
			if err != nil {
				return err
			}
			selected, err := checks.Select(have, names)
			if err != nil {
				return err
			}
			return job.Run(ctx, c.Name(), selected)
		})
	}
	return c
}

// afterDashes are the arguments that follow --; others are a misuse.
func afterDashes(c *cobra.Command, args []string) error {
	if before := c.ArgsLenAtDash(); before > 0 || before < 0 && len(args) > 0 {
		return cli.Misuse("unexpected argument %q; flags for go stand after --; see `%s --help`", args[0], c.CommandPath())
	}
	return nil
}
