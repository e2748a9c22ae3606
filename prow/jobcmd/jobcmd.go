// Package jobcmd makes the commands of Prow's jobs: slipway job VERB.
//
// They are a package of their own because they link Prow and Kubernetes, which no
// job binary may.
package jobcmd

import (
	"cmp"
	"context"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/image"
	"slipway.dev/slipway/prow/local"
)

// Images are the images of a tree, which a job here gets instead of pushed ones.
type Images interface {
	// Names lists all of them.
	Names(ctx context.Context) ([]string, error)
	// Load makes images be here, and says by what reference podman knows each.
	Load(ctx context.Context, names []string) (map[string]string, error)
}

// OpenImages finds the images of the tree that a person works in. say is told of what
// takes long.
type OpenImages func(ctx context.Context, say func(string)) (Images, error)

// Group is the noun job with its verbs. Without images every image is a foreign one.
func Group(env cli.Env, images OpenImages) *cobra.Command {
	return group(env, world{images, engines()})
}

// world is what the commands work with, of which tests have another.
type world struct {
	images  OpenImages
	engines []engine
}

func group(env cli.Env, w world) *cobra.Command {
	return cli.Group("job", "Prow jobs: list them, show what a run would do, run one on this machine",
		jobList(env), jobShow(env, w), jobRun(env, w), jobGenerate(env))
}

// source says where jobs are configured.
type source struct{ config, jobs string }

func (s *source) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&s.config, "config", "", "Prow's configuration (default: config/config.yaml of the checkout around the working folder)")
	flags.StringVar(&s.jobs, "job-config", "", "file or folder of Prow's jobs (default: jobs/ of that checkout)")
}

func (s source) load() (local.Jobs, error) {
	checkout, err := image.FindCheckout(".")
	if err != nil {
		checkout = "."
	}
	return local.Load(
		cmp.Or(s.config, filepath.Join(checkout, "config", "config.yaml")),
		cmp.Or(s.jobs, filepath.Join(checkout, "jobs")))
}

// oneJob takes just one job's name; what follows -- is for the job.
func oneJob(c *cobra.Command, args []string) error {
	if at := c.ArgsLenAtDash(); at >= 0 {
		args = args[:at]
	}
	if len(args) != 1 {
		return cli.Misuse("name one job; `slipway job list` shows all")
	}
	return nil
}
