package jobcmd

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/prow/pkg/pjutil"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/prow/local"
)

// request is which job to run, and how.
type request struct {
	from      source
	event     local.Event
	extra     []string // ORG/NAME=PATH|URL
	args      []string
	addArgs   []string
	env       []string // NAME=VALUE
	volumes   []string // NAME=FOLDER
	secrets   string
	outputDir string
	remote    bool // images come from their registries
}

func (r *request) addFlags(flags *pflag.FlagSet) {
	r.from.addFlags(flags)
	e := &r.event
	flags.StringVar(&e.Repo, "repo", "", "the job's repository: a folder, a URL or ORG/NAME (default: the working folder if it is a checkout of it, else where Prow clones from)")
	flags.StringArrayVar(&r.extra, "extra-repo", nil, "where another repository of the job comes from: ORG/NAME=FOLDER|URL")
	flags.StringVar(&e.BaseRef, "base-ref", "", "the base branch (default: the job's own, else the repository's main one)")
	flags.StringVar(&e.BaseSHA, "base-sha", "", "the base commit (default: the head of the base branch)")
	flags.IntVar(&e.Pull, "pull", 0, "number of the pull request that a presubmit is for (default: one of the uncommitted changes)")
	flags.StringVar(&e.PullRef, "pull-ref", "", "its head: a commit or ref of the repository (default: refs/pull/NUMBER/head)")
	flags.BoolVar(&e.InPlace, "in-place", false, "give the job the local repository itself, to read and write, instead of a copy")
	flags.StringArrayVar(&r.args, "args", nil, "an argument of the job's (first) container instead of its own; repeat it, or write them after --")
	flags.StringArrayVar(&r.addArgs, "add-args", nil, "an argument to add to the job's own")
	flags.StringArrayVar(&r.env, "env", nil, "a variable of the job's (first) container: NAME=VALUE")
	flags.StringArrayVar(&r.volumes, "volume", nil, "a folder of this machine in the place of a volume of the job: NAME=FOLDER; it is made if it is missing")
	flags.StringVar(&r.secrets, "secrets", "", "folder that stands for the cluster's secrets and config maps, with a file NAME/KEY for each key")
	flags.StringVar(&r.outputDir, "output-dir", "", "folder for what the run leaves (default: out/jobs/JOB/BUILD of the working folder)")
}

// planned is a run that can begin.
type planned struct {
	local.Plan
	sources []local.Source
	images  Images
}

// plan plans the run. scratch holds what is needed only until it has begun.
func (r *request) plan(c *cobra.Command, args []string, w world, hide bool, scratch string, say func(string)) (planned, error) {
	job, options, err := r.read(c, args)
	if err != nil {
		return planned{}, err
	}
	ctx := c.Context()
	var p planned
	if w.images != nil && !r.remote {
		if p.images, err = w.images(ctx, say); err != nil {
			return planned{}, err
		}
		if options.Images, err = p.images.Names(ctx); err != nil {
			return planned{}, err
		}
	}
	if p.sources, err = r.event.Resolve(ctx, job, scratch, say); err != nil {
		return planned{}, err
	}
	options.Secrets.Hide = hide
	p.Plan, err = local.NewPlan(job, p.sources, options)
	return p, err
}

// read finds the job and takes the flags apart.
func (r *request) read(c *cobra.Command, args []string) (local.Job, local.Options, error) {
	jobs, err := r.from.load()
	if err != nil {
		return local.Job{}, local.Options{}, err
	}
	job, err := jobs.Find(args[0], func(name string) bool { return r.event.Means(c.Context(), name) }, r.event.BaseRef)
	if err != nil {
		return local.Job{}, local.Options{}, &cli.UsageError{Err: err}
	}
	if err := r.event.Check(job); err != nil {
		return local.Job{}, local.Options{}, &cli.UsageError{Err: err}
	}
	if r.remote && r.secrets != "" {
		return local.Job{}, local.Options{}, cli.Misuse("--secrets is for engines on this machine; a cluster has the secrets that a job names, or make them there")
	}
	o := local.Options{Started: time.Now(), More: r.addArgs, Secrets: local.Secrets{Dir: r.secrets}, Remote: r.remote}
	if at := c.ArgsLenAtDash(); at >= 0 {
		o.Args = append(append([]string{}, r.args...), args[at:]...)
	} else if c.Flags().Changed("args") {
		o.Args = r.args
	}
	for _, pairs := range []struct {
		flag string
		list []string
		to   *map[string]string
	}{{"env", r.env, &o.Env}, {"volume", r.volumes, &o.Volumes}, {"extra-repo", r.extra, &r.event.Extra}} {
		if *pairs.to, err = split(pairs.flag, pairs.list); err != nil {
			return local.Job{}, o, err
		}
	}
	if o.BuildID, err = pjutil.GetBuildID(job.Name, ""); err != nil {
		return local.Job{}, o, fmt.Errorf("number the run: %w", err)
	}
	o.Output, err = filepath.Abs(cmp.Or(r.outputDir, filepath.Join("out", "jobs", job.Name, o.BuildID)))
	return job, o, err
}

// split takes NAME=VALUE apart.
func split(flag string, list []string) (map[string]string, error) {
	pairs := map[string]string{}
	for _, text := range list {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, cli.Misuse("--%s %s is not NAME=VALUE", flag, text)
		}
		pairs[name] = value
	}
	return pairs, nil
}

// withScratch gives do a folder that is gone afterwards.
func withScratch(do func(folder string) error) error {
	folder, err := os.MkdirTemp("", "slipway-job-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	return do(folder)
}

// load makes the images of the plan be here, and names them in it.
func (p *planned) load(ctx context.Context) error {
	if p.images == nil || len(p.Images) == 0 {
		return nil
	}
	loaded, err := p.images.Load(ctx, p.Images)
	if err != nil {
		return err
	}
	return p.UseImages(loaded)
}
