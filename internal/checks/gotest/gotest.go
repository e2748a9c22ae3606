// Package gotest runs the Go tests of a checkout and reports each of them.
//
// What `go test -json` says is read while it runs: packages are told as they
// finish, memory is bounded however much tests print, and a run that is cut short
// (a deadline, an abort, a crash of the test binary) still ends in a report, in
// which every test that had begun and not ended failed. Whatever makes the go
// command fail makes some case fail.
package gotest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/checks/gotool"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/junit"
	"slipway.dev/slipway/internal/progress"
)

// Options are how tests are run. The zero value is not useful: Packages must name some.
type Options struct {
	Packages []string      // patterns; ./... is all
	Race     bool          // look for data races, which needs a C compiler
	Cover    bool          // measure which statements tests reach
	Timeout  time.Duration // of each package's test binary
	Flags    []string      // more flags for go test; what follows -args goes to the test binaries
}

// Run tests every module of the checkout, whichever fails, and reports.
func Run(ctx context.Context, job checks.Job, opts Options) error {
	files, err := checks.Files(ctx, job.Root)
	if err != nil {
		return err
	}
	modules, err := gotool.Modules(ctx, job.Root, files)
	if err != nil {
		return err
	}
	var suites []junit.Suite
	var errs []error
	for _, m := range modules {
		r := run{job: job, opts: opts, module: m}
		suite, err := r.run(ctx)
		suites, errs = append(suites, suite...), append(errs, err)
	}
	return errors.Join(append(errs, job.Report("gotest", suites))...)
}

// run is a run of one module's tests.
type run struct {
	job     checks.Job
	opts    Options
	module  gotool.Module
	profile string // file that go test writes coverage to; empty if it is not measured
}

// run returns the cases, and an error only if a report could not be written.
func (r run) run(ctx context.Context) ([]junit.Suite, error) {
	packages, err := r.module.Packages(ctx, nil)
	if err == nil && len(packages) == 0 {
		return nil, nil
	}
	work, err := os.MkdirTemp("", "gotest-")
	if err != nil {
		return nil, fmt.Errorf("make a scratch folder: %w", err)
	}
	defer os.RemoveAll(work)
	if r.opts.Cover {
		r.profile = filepath.Join(work, "coverage.out")
	}
	log, err := r.log(work)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	results := newResults(r.module, packages, r.job.Stdout)
	failed := r.test(ctx, results, log)
	suites := results.suites(failed)
	if r.profile == "" {
		return suites, nil
	}
	return suites, r.coverage(context.WithoutCancel(ctx), work, packages)
}

// log is the file that everything goes to that tests print.
func (r run) log(work string) (*os.File, error) {
	path := filepath.Join(work, "gotest.log")
	if r.job.Output != "" {
		path = r.job.Path(r.module.Folder, "gotest.log")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the log: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("write the log: %w", err)
	}
	return f, nil
}

func (r run) test(ctx context.Context, results *results, log io.Writer) error {
	defer progress.Watch(30*time.Second, "go test in "+r.module.Folder, func(message string) {
		if names := results.running(); names != "" {
			message += "; running: " + names
		}
		if r.job.Say != nil {
			r.job.Say(message)
		}
	})()
	cmd := r.module.Command(nil, r.args()...)
	events, said := newEvents(results, log), &checks.Clipped{Max: checks.MaxText}
	cmd.Stdout, cmd.Stderr = events, io.MultiWriter(said, log)
	err := exec.Run(ctx, cmd)
	events.flush()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, said)
	}
	return nil
}

// args is the command line of go test. The packages stand before -args, since all
// that follows it is the test binaries'.
func (r run) args() []string {
	args := []string{"go", "test", "-json", "-timeout", r.opts.Timeout.String()}
	if r.opts.Race {
		args = append(args, "-race")
	}
	if r.profile != "" {
		args = append(args, "-coverprofile", r.profile)
	}
	flags, rest := r.opts.Flags, []string(nil)
	if i := slices.IndexFunc(flags, func(f string) bool { return f == "-args" || f == "--args" }); i >= 0 {
		flags, rest = flags[:i], flags[i:]
	}
	return slices.Concat(args, flags, r.opts.Packages, rest)
}
