package flowcmd

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/prow/flow"
	"slipway.dev/slipway/prow/local"
)

// run is one call of flow run.
type run struct {
	env       cli.Env
	job       runJob
	from      source
	format    command.Form
	build     string
	dryRun    bool
	outputDir string
	store     string
	pass      passed
	scratch   string
}

// passed are flags of job run.
type passed struct {
	config, repo, baseRef, pull, pullRef, engine, secrets string
	extra                                                 []string
}

func (p passed) args() []string {
	var args []string
	for _, f := range []struct{ flag, value string }{
		{"config", p.config}, {"repo", p.repo}, {"base-ref", p.baseRef},
		{"pull", p.pull}, {"pull-ref", p.pullRef}, {"engine", p.engine}, {"secrets", p.secrets},
	} {
		if f.value != "" {
			args = append(args, "--"+f.flag+"="+f.value)
		}
	}
	for _, e := range p.extra {
		args = append(args, "--extra-repo="+e)
	}
	return args
}

func flowRun(env cli.Env, job runJob) *cobra.Command {
	r := run{env: env, job: job}
	c := &cobra.Command{
		Use: "run FLOW", Short: "Run a flow on this machine, as far as its builds are here", Args: oneFlow,
		Long: `Run a flow on this machine, as far as its builds are here.

Each stage is run as the job that Prow would run, one after the other; what passes
from one identity to the next goes through a store, which is a folder here. A build
whose image is not here yet stops its own path and no other, and is told of.

The folder of the run holds the folder of each job, flow.json and junit_flow.xml.

Exit codes: 0 all builds that are here ran well, though others may not be here yet;
1 one failed, or none is here; 2 misused; 124 timeout, 130 aborted.`,
		Example: `  slipway flow run crostini-guest/74 --repo ../hello-guest --base-ref main
  slipway flow run crostini-guest/presubmit --repo ../hello-guest --base-ref main --dry-run`,
		RunE: func(c *cobra.Command, args []string) error { return r.do(c.Context(), args[0]) },
	}
	r.from.addFlags(c.Flags())
	command.FormFlag(c.Flags(), &r.format)
	flags := c.Flags()
	flags.StringVar(&r.build, "build", "", "run this build, and what it needs")
	flags.BoolVar(&r.dryRun, "dry-run", false, "show what would be run")
	flags.StringVar(&r.outputDir, "output-dir", "", "folder for what the run leaves (default: a new one in out/flows/FLOW of the working folder)")
	flags.StringVar(&r.store, "store", "", "folder that is the store (default: out/flows/store of the working folder)")
	flags.StringVar(&r.pass.config, "config", "", "Prow's configuration (default: config/config.yaml of the checkout around the working folder)")
	flags.StringVar(&r.pass.repo, "repo", "", "the project's repository: a folder, a URL or ORG/NAME (default: the working folder if it is a checkout of it, else where Prow clones from)")
	flags.StringArrayVar(&r.pass.extra, "extra-repo", nil, "where another repository of a build comes from: ORG/NAME=FOLDER|URL")
	flags.StringVar(&r.pass.baseRef, "base-ref", "", "its branch (default: the track's)")
	flags.StringVar(&r.pass.pull, "pull", "", "number of the change that a presubmit is for (default: one of the uncommitted changes)")
	flags.StringVar(&r.pass.pullRef, "pull-ref", "", "its head: a commit or ref of the repository")
	flags.StringVar(&r.pass.engine, "engine", "", "what runs the pods, as in slipway job run")
	flags.StringVar(&r.pass.secrets, "secrets", "", "folder that stands for the cluster's secrets, with a file NAME/KEY for each key")
	return c
}

func (r run) do(ctx context.Context, name string) (err error) {
	g, err := r.from.find(name)
	if err != nil {
		return err
	}
	if r.build != "" {
		if g, err = g.Only(r.build); err != nil {
			return &cli.UsageError{Err: err}
		}
	}
	if r.dryRun {
		return r.show(plan(g))
	}
	if r.scratch, err = os.MkdirTemp("", "slipway-flow-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.scratch)
	if r.outputDir, err = r.folder(g); err != nil {
		return err
	}
	if r.store, err = filepath.Abs(cmp.Or(r.store, filepath.Join("out", "flows", "store"))); err != nil {
		return err
	}
	report := r.stages(ctx, g)
	if err := report.write(r.outputDir); err != nil {
		return err
	}
	if err := r.show(report); err != nil {
		return err
	}
	return report.verdict()
}

// folder makes the one that the run's files go to.
func (r run) folder(g flow.Graph) (string, error) {
	if r.outputDir == "" {
		parent := filepath.Join("out", "flows", filepath.FromSlash(g.String()))
		if err := os.MkdirAll(parent, 0o755); err != nil {
			return "", fmt.Errorf("make the output folder: %w", err)
		}
		made, err := os.MkdirTemp(parent, "run-")
		if err != nil {
			return "", fmt.Errorf("make the output folder: %w", err)
		}
		return filepath.Abs(made)
	}
	if entries, err := os.ReadDir(r.outputDir); err == nil && len(entries) > 0 {
		return "", cli.Misuse("output folder %s holds %s already; name another with --output-dir, or remove it", r.outputDir, entries[0].Name())
	}
	if err := os.MkdirAll(r.outputDir, 0o755); err != nil {
		return "", fmt.Errorf("make the output folder: %w", err)
	}
	return filepath.Abs(r.outputDir)
}

// exitAborted is the exit code of a run that a person ended, as job run's is.
const exitAborted = 130

// stages runs one job after the other. What needs a build that failed is not run.
func (r run) stages(ctx context.Context, g flow.Graph) report {
	report := plan(g)
	report.Output = r.outputDir
	for _, s := range g.Stages {
		name, file, ok, err := g.Job(s)
		if !ok && err == nil || report.blocked(g, s) {
			continue
		}
		var result local.Result
		code := cli.ExitFailed
		if err == nil && ctx.Err() != nil {
			code, err = exitAborted, context.Cause(ctx)
		}
		if err == nil {
			result, code, err = r.stage(ctx, g, s, name, file)
		}
		report.take(g, s, result, code, err)
	}
	return report
}

// stage runs one job, whose own words go to standard error.
func (r run) stage(ctx context.Context, g flow.Graph, s flow.Stage, name string, file []byte) (local.Result, int, error) {
	jobs := filepath.Join(r.scratch, name+".yaml")
	if err := os.WriteFile(jobs, file, 0o644); err != nil {
		return local.Result{}, cli.ExitFailed, err
	}
	args := append([]string{"run", name, "--job-config=" + jobs, "--output=json", "--output-dir=" + filepath.Join(r.outputDir, s.Name)}, r.pass.args()...)
	if g.HandsOver(s) {
		args = append(args, "--volume=store="+r.store)
	}
	var said bytes.Buffer
	fmt.Fprintf(r.env.Stderr, "run %s: %s\n", g.Tab(s), strings.Join(runs(g, s), ", "))
	code := r.job(ctx, cli.Env{Args: args, Stdout: &said, Stderr: r.env.Stderr, Getenv: r.env.Getenv})
	var result local.Result
	if said.Len() == 0 {
		return result, code, fmt.Errorf("the job %s could not be run; why is said above", name)
	}
	if err := json.Unmarshal(said.Bytes(), &result); err != nil {
		return result, code, fmt.Errorf("read the result of %s: %w", name, err)
	}
	return result, code, nil
}

// runs are the builds of a stage that run.
func runs(g flow.Graph, s flow.Stage) []string {
	return slices.DeleteFunc(slices.Clone(s.Builds), func(build string) bool {
		n, _ := g.Node(build)
		return n.Waits != ""
	})
}

func (r run) show(report report) error {
	return command.Show(r.env.Stdout, r.format, report, func(w io.Writer) { report.print(w) })
}
