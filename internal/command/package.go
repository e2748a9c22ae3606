package command

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/jobenv"
	"slipway.dev/slipway/internal/scratch"
	"slipway.dev/slipway/internal/version"
	"slipway.dev/slipway/packagebuild"
)

func packageGroup(env cli.Env) *cobra.Command {
	return cli.Group("package", "Build packages of one source tree, and look at them",
		packageBuild(env, "build"), packageTargets(env), packageInspect(env))
}

// Packagebuild is the job binary: `slipway package build` in Prow's environment.
func Packagebuild(env cli.Env) *cobra.Command { return packageBuild(env, "packagebuild") }

// packageRun is what one call of package build is asked to do.
type packageRun struct {
	source   source
	building building
	dir      string
	version  string
	output   string
}

func packageBuild(env cli.Env, use string) *cobra.Command {
	var run packageRun
	c := &cobra.Command{
		Use: use, Short: "Build a source tree's packages for the named targets", Args: cli.NoArgs,
		Long: `Build a source tree's packages for the named targets, side by side.

The tree holds packaging/debian, packaging/*.spec or packaging/googet/*.goospec.
Each target is built in a clean root without the network and without credentials;
each package is opened and checked, and gets an SBOM; each target gets a
provenance statement, the lock of its root and a lint report. Nothing is
published and no version is claimed.

Under Prow (JOB_SPEC) the source is the job's, with pull requests merged, the
version of a presubmit is 0~prNUMBER.SHA, and --output is $ARTIFACTS.`,
		Example: `  slipway package build --repo https://github.com/ORG/NAME --ref main --targets deb12,el9,goo --version 20261121.00 --output out
  slipway package build --source . --targets deb12 --version 20261121.00 --output out --check`,
		RunE: func(c *cobra.Command, _ []string) error {
			job, err := jobenv.Read(env.Getenv)
			if err != nil {
				return err
			}
			return run.run(c.Context(), env, job)
		},
	}
	flags := c.Flags()
	run.source.addRepoFlag(flags)
	run.source.addFlags(flags)
	run.building.addFlags(flags)
	flags.StringVar(&run.dir, "source", "", "build this folder as it is, instead of a commit of --repo")
	flags.StringVar(&run.version, "version", "", "version of the packages: YYYYMMDD.NN")
	flags.StringVar(&run.output, "output", "", "folder for packages, logs and reports")
	return c
}

func (p *packageRun) run(ctx context.Context, env cli.Env, job jobenv.Job) error {
	p.adopt(job)
	targets, err := p.building.selected()
	if err != nil {
		return err
	}
	if err := p.validate(); err != nil {
		return err
	}
	work, remove, err := scratch.Place{Parent: p.building.cache, Prefix: "work-"}.Make()
	if err != nil {
		return err
	}
	defer remove()
	if err := os.MkdirAll(p.output, 0o755); err != nil {
		return fmt.Errorf("make the output folder: %w", err)
	}
	src, err := p.fetch(ctx, env, job, work)
	if err != nil {
		return err
	}
	return p.building.into(ctx, env, work, p.output, p.building.requests(src, targets, p.version), job.BuilderID())
}

// into builds the requests, puts what they made into output, and reports.
func (b building) into(ctx context.Context, env cli.Env, work, output string, reqs []packagebuild.Request, id string) error {
	builder, err := b.builder(env, work, output, id)
	if err != nil {
		return err
	}
	builder.MayBeBare = true // nothing is published here, so there is no credential to see
	results, failed := builder.All(ctx, reqs, output)
	if err := Show(env.Stdout, "text", nil, func(w io.Writer) { printFiles(w, results) }); err != nil {
		return err
	}
	return failed
}

// adopt takes from the job what the flags leave open.
func (p *packageRun) adopt(job jobenv.Job) {
	if p.dir == "" {
		p.source.adopt(job)
	}
	if p.output == "" {
		p.output = job.Artifacts
	}
	if p.version == "" && len(job.Pulls) > 0 {
		last := job.Pulls[len(job.Pulls)-1]
		p.version = version.Presubmit(last.Number, last.SHA)
	}
}

func (p *packageRun) validate() error {
	switch {
	case p.output == "":
		return cli.Misuse("--output is missing; name a folder for the packages")
	case p.version == "":
		return cli.Misuse("--version is missing; give one, such as 20261121.00")
	case p.dir == "" && p.source.url == "":
		return cli.Misuse("--repo or --source is missing; name what to build")
	case p.dir != "" && p.source.url != "":
		return cli.Misuse("--repo and --source exclude each other")
	}
	if err := version.CheckPackage(p.version); err != nil {
		return cli.Misuse("--version: %w", err)
	}
	return nil
}

func (p *packageRun) fetch(ctx context.Context, env cli.Env, job jobenv.Job, work string) (packagebuild.Source, error) {
	if p.dir != "" {
		return p.source.local(ctx, p.dir, env.Stderr, work)
	}
	commit, err := p.source.resolve(ctx, p.source.commit, p.source.ref, env.Stderr)
	if err != nil {
		return packagebuild.Source{}, err
	}
	p.source.commit = commit
	src, _, err := p.source.fetch(ctx, work, "", job.Pulls, env.Stderr)
	return src, err
}

func packageTargets(env cli.Env) *cobra.Command {
	var (
		b      building
		format Form
	)
	c := &cobra.Command{
		Use: "targets", Short: "List what packages can be built for", Args: cli.NoArgs,
		Example: "  slipway package targets",
		RunE: func(*cobra.Command, []string) error {
			targets, err := b.table()
			if err != nil {
				return err
			}
			return Show(env.Stdout, format, targets, func(w io.Writer) {
				for _, t := range targets {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Name, t.Format, t.Arch, t.Distribution)
				}
			})
		},
	}
	c.Flags().StringVar(&b.targetsFile, "targets-file", "", "a targets.yaml to use instead of the built-in one")
	FormFlag(c.Flags(), &format)
	return c
}
