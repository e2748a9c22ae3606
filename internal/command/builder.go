package command

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/config"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/packagebuild"
	"slipway.dev/slipway/packagebuild/build"
	"slipway.dev/slipway/packagebuild/golang"
	"slipway.dev/slipway/packagebuild/root"
)

// building says how packages are built.
type building struct {
	targets     []string
	targetsFile string
	root        string
	cache       string
	mirror      string
	jobs        int
	timeout     time.Duration
	secrets     []string // files and folders that code under build must not see
	check       bool
	lint        bool
	twice       bool
}

func (b *building) addFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&b.targets, "targets", nil, "what to build for: names of rows of targets.yaml, separated by commas")
	flags.StringVar(&b.targetsFile, "targets-file", "", "a targets.yaml to use instead of the built-in one")
	flags.StringVar(&b.root, "root", "clean", "where to build: clean (a root made for the target) or host (this machine's own root)")
	flags.StringVar(&b.cache, "cache", cacheFolder(), "folder for roots, modules and scratch")
	flags.StringVar(&b.mirror, "debian-mirror", root.DefaultMirror, "Debian archive that clean roots are made from")
	flags.IntVar(&b.jobs, "jobs", 0, "processors that each target's build may use (0: this machine's, shared by the targets)")
	flags.DurationVar(&b.timeout, "build-timeout", build.DefaultTimeout, "how long each step of a build may take")
	flags.BoolVar(&b.check, "check", false, "run the package's own tests")
	flags.BoolVar(&b.lint, "lint", true, "run lintian and rpmlint on what was built; findings are reported, and fail nothing")
	flags.BoolVar(&b.twice, "verify-reproducible", false, "build twice and compare the bytes")
}

// table is the table of all targets.
func (b building) table() (packagebuild.Targets, error) {
	if b.targetsFile != "" {
		return packagebuild.LoadTargets(b.targetsFile)
	}
	return packagebuild.ParseTargets("targets.yaml", config.Targets)
}

// selected are the rows that --targets names.
func (b building) selected() (packagebuild.Targets, error) {
	table, err := b.table()
	if err != nil {
		return nil, err
	}
	if len(b.targets) == 0 {
		return nil, cli.Misuse("--targets is missing; name some of %v", table.Names())
	}
	picked, err := table.Select(b.targets)
	if err != nil {
		return nil, cli.Misuse("%w", err)
	}
	return picked, nil
}

// builder makes the builder. Logs and reports go to logs.
func (b building) builder(env cli.Env, work, logs, id string) (*build.Builder, error) {
	log := logrus.NewEntry(env.Log())
	builder := &build.Builder{
		Go:   golang.Config{Cache: filepath.Join(b.cache, "go"), Log: log},
		Work: work, Logs: logs, ID: id, Timeout: b.timeout, Secrets: b.secrets, Lint: b.lint, Reproducible: b.twice, Log: log,
	}
	switch b.root {
	case "clean":
		builder.Roots = &root.Manager{Cache: filepath.Join(b.cache, "roots"), Mirror: b.mirror, Log: log}
	case "host":
	default:
		return nil, cli.Misuse("--root is %q; it must be clean or host", b.root)
	}
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for logs: %w", err)
	}
	return builder, nil
}

// requests are the builds of a source for the targets.
func (b building) requests(src packagebuild.Source, targets packagebuild.Targets, version string) []packagebuild.Request {
	jobs := b.jobs
	if jobs == 0 {
		jobs = max(1, runtime.NumCPU()/max(1, len(targets)))
	}
	requests := make([]packagebuild.Request, len(targets))
	for i, t := range targets {
		requests[i] = packagebuild.Request{Source: src, Target: t, Version: version, Check: b.check, Jobs: jobs}
	}
	return requests
}

// printFiles lists what was built.
func printFiles(w io.Writer, results []build.Result) {
	for _, r := range results {
		for _, f := range r.Files {
			if f.Package != nil {
				fmt.Fprintf(w, "%s\t%s\n", r.Target, f.Path)
			}
		}
		for _, note := range r.Notes {
			fmt.Fprintf(w, "%s\tnote: %s\n", r.Target, note)
		}
	}
}
