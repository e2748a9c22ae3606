package command

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	daisybuilder "slipway.dev/slipway/daisy-builder"
	"slipway.dev/slipway/internal/checkout"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/jobenv"
	"slipway.dev/slipway/internal/scratch"
	"slipway.dev/slipway/internal/version"
	"slipway.dev/slipway/packagebuild"
	"slipway.dev/slipway/packagebuild/build"
)

// DaisyBuilder is the job binary: `slipway release create` in Prow's environment.
func DaisyBuilder(env cli.Env) *cobra.Command { return releaseCreate(env, "daisy-builder") }

// creation is what one call of release create is asked to do.
type creation struct {
	shelf
	source   source
	building building
	branch   string
	logs     string
	rebuild  bool
	future   bool
	dryRun   bool
	format   Form
	tagAlone bool // version-tagger: nothing is built
}

func releaseCreate(env cli.Env, use string) *cobra.Command {
	var create creation
	c := &cobra.Command{
		Use: use, Short: "Release a merged commit: claim a version, build, check, upload, tag", Args: cli.NoArgs,
		Long: `Release a merged commit: claim a version, build every target side by side, check
what came out, upload it, write the release, and tag the very commit that was built.

A commit that is released already is left as it is. A run that died is finished
by the next one: what was built and uploaded is not built again. If a target
fails, the others finish, nothing is tagged, and a new run builds only that one.

Under Prow (JOB_SPEC) repository, commit and branch are the job's. In a presubmit
nothing is claimed, tagged or stored: the merge result is built into $ARTIFACTS.`,
		Example: `  slipway release create --repo https://github.com/ORG/NAME --ref main --targets deb12,deb13,el9,goo --store gs://BUCKET`,
		RunE: func(c *cobra.Command, _ []string) error {
			job, err := jobenv.Read(env.Getenv)
			if err != nil {
				return err
			}
			return create.run(c.Context(), env, job)
		},
	}
	flags := c.Flags()
	create.addStoreFlag(flags)
	create.source.remote.addFlags(flags)
	create.source.addFlags(flags)
	flags.StringVar(&create.logs, "logs", "", "folder for build logs and reports (default: $ARTIFACTS, or one in the cache)")
	create.building.addFlags(flags)
	flags.BoolVar(&create.rebuild, "rebuild", false, "release a commit again that has a release already, as a new version")
	create.addTagFlags(flags)
	return c
}

// addTagFlags adds what also version-tagger has.
func (cr *creation) addTagFlags(flags *pflag.FlagSet) {
	flags.StringVar(&cr.branch, "branch", "", "the branch that holds the commit (default: the repository's main one)")
	flags.BoolVar(&cr.future, "follow-future", false, followFutureHelp)
	flags.BoolVar(&cr.dryRun, "dry-run", false, "say what would be done, and do nothing")
	FormFlag(flags, &cr.format)
}

// VersionTagger is the job binary that tags a merged commit of a repository
// without packages: a release without artifacts.
func VersionTagger(env cli.Env) *cobra.Command {
	create := creation{tagAlone: true, building: building{cache: cacheFolder()}}
	c := &cobra.Command{
		Use: "version-tagger", Short: "Tag a merged commit with the next version YYYYMMDD.NN", Args: cli.NoArgs,
		Long: `Tag a merged commit with the next version YYYYMMDD.NN, as a release without
artifacts: claim the number, write the release, make the annotated tag. A commit
that has a version keeps it. Under Prow the repository and commit are the job's.`,
		Example: `  version-tagger --repo https://github.com/ORG/NAME --ref main --store gs://BUCKET`,
		RunE: func(c *cobra.Command, _ []string) error {
			job, err := jobenv.Read(env.Getenv)
			if err != nil {
				return err
			}
			if job.BeforeMerge() {
				return fmt.Errorf("a %s job cannot tag; run version-tagger as a postsubmit", job.Type)
			}
			return create.run(c.Context(), env, job)
		},
	}
	flags := c.Flags()
	create.addStoreFlag(flags)
	create.source.remote.addFlags(flags)
	flags.StringVar(&create.source.commit, "commit", "", "full hash of the commit to tag")
	flags.StringVar(&create.source.ref, "ref", "", "a branch instead of --commit, resolved once and printed")
	create.addTagFlags(flags)
	return c
}

func (cr *creation) run(ctx context.Context, env cli.Env, job jobenv.Job) error {
	var targets packagebuild.Targets
	if !cr.tagAlone {
		var err error
		if targets, err = cr.building.selected(); err != nil {
			return err
		}
	}
	cr.building.secrets = onThisMachine(cr.source.githubTokenFile, cr.store)
	if job.BeforeMerge() {
		return cr.presubmit(ctx, env, job)
	}
	cr.adopt(job)
	work, remove, err := scratch.Place{Parent: cr.building.cache, Prefix: "work-"}.Make()
	if err != nil {
		return err
	}
	defer remove()
	commit, err := cr.source.resolve(ctx, cr.source.commit, cr.source.ref, env.Stderr)
	if err != nil {
		return err
	}
	cr.source.commit = commit
	if cr.branch == "" {
		if cr.branch, err = checkout.DefaultBranch(ctx, cr.source.url); err != nil {
			return err
		}
	}
	src, gitDir, err := cr.source.fetch(ctx, work, cr.branch, nil, env.Stderr)
	if err != nil {
		return err
	}
	return cr.create(ctx, env, job, work, src, gitDir, targets)
}

// adopt takes from the job what the flags leave open.
func (cr *creation) adopt(job jobenv.Job) {
	cr.source.adopt(job)
	if cr.branch == "" {
		cr.branch = job.BaseRef
	}
	if cr.logs == "" {
		cr.logs = job.Artifacts
	}
	if cr.logs == "" {
		cr.logs = filepath.Join(cr.building.cache, "logs", time.Now().UTC().Format("20060102-150405"))
	}
	cr.url = cr.source.url
}

// onThisMachine are those of names that are files or folders here, as absolute paths.
func onThisMachine(names ...string) []string {
	var paths []string
	for _, name := range names {
		path, err := filepath.Abs(strings.TrimPrefix(name, "file://"))
		if name != "" && err == nil && !strings.Contains(path, ":/") {
			paths = append(paths, path)
		}
	}
	return paths
}

func (cr *creation) create(ctx context.Context, env cli.Env, job jobenv.Job, work string, src packagebuild.Source, gitDir string, targets packagebuild.Targets) error {
	records, err := cr.records(ctx)
	if err != nil {
		return err
	}
	refs, closeRefs, err := cr.source.refs(gitDir, progress(env))
	if err != nil {
		return err
	}
	defer closeRefs()
	config := daisybuilder.Config{
		Records: records, Refs: refs, Commit: src.Commit, Targets: targets.Names(),
		Rebuild: cr.rebuild, FollowFuture: cr.future, Now: time.Now, Log: env.Log().WithField("repo", records.Repository.String()),
	}
	if cr.dryRun {
		return cr.preview(ctx, env, config, cr.building.requests(src, targets, ""))
	}
	if len(targets) > 0 {
		builder, err := cr.building.builder(env, work, cr.logs, job.BuilderID())
		if err != nil {
			return err
		}
		config.Executor = &daisybuilder.Local{
			Builder: builder, Folder: work, Requests: cr.building.requests(src, targets, ""),
		}
	}
	did, err := daisybuilder.Create(ctx, config)
	if err != nil {
		return err
	}
	return printOutcome(env, cr.format, did)
}

// preview prints what create would do.
func (cr *creation) preview(ctx context.Context, env cli.Env, config daisybuilder.Config, reqs []packagebuild.Request) error {
	seen, err := daisybuilder.Look(ctx, config)
	if err != nil {
		return err
	}
	plans := map[string]packagebuild.Plan{}
	for _, req := range reqs {
		req.Version = seen.Version.String()
		if plans[req.Target.Name], err = build.Plan(req); err != nil {
			return fmt.Errorf("target %s: %w", req.Target.Name, err)
		}
	}
	result := struct {
		daisybuilder.Preview
		Plans map[string]packagebuild.Plan `json:"plans"`
	}{seen, plans}
	return Show(env.Stdout, cr.format, result, func(w io.Writer) {
		if seen.Already {
			fmt.Fprintf(w, "commit %s is released already as %s; nothing would change\n", seen.Commit, seen.Version)
			return
		}
		fmt.Fprintf(w, "would release commit %s as %s\n", seen.Commit, seen.Version)
		for _, name := range seen.Targets {
			if slices.Contains(seen.Done, name) {
				fmt.Fprintf(w, "%s\tbuilt before\n", name)
				continue
			}
			for _, step := range plans[name].Steps {
				fmt.Fprintf(w, "%s\t%s\n", name, strings.Join(step.Args, " "))
			}
		}
	})
}

// presubmit builds the merge result into $ARTIFACTS, and nothing else.
func (cr *creation) presubmit(ctx context.Context, env cli.Env, job jobenv.Job) error {
	if cr.dryRun {
		return cli.Misuse("--dry-run is for merged commits; a presubmit changes nothing in any case")
	}
	if job.Artifacts == "" {
		return cli.Misuse("ARTIFACTS is not set; a presubmit puts its packages there")
	}
	last := job.Pulls[len(job.Pulls)-1]
	run := packageRun{source: cr.source, building: cr.building, output: job.Artifacts, version: version.Presubmit(last.Number, last.SHA)}
	return run.run(ctx, env, job)
}
