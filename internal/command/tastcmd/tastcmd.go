// Package tastcmd makes the commands of ChromeOS's test runner: slipway tast, and the job
// binary tast-tester.
//
// What tast tested is on a device, so evidence is about the digests that --subject names:
// the image or files that the device was given. A run that was interrupted, or that had
// no device, is no verdict and files no evidence.
package tastcmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/command/evidenceflags"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/junit"
	"slipway.dev/slipway/internal/tast"
)

// Group is `slipway tast`.
func Group(env cli.Env) *cobra.Command {
	return cli.Group("tast", "Run Tast on a device, and read its results", Run(env), Import(env))
}

// flags are what the commands share.
type flags struct {
	evidence  evidenceflags.Flags
	artifacts string
	form      command.Form
}

func (f *flags) add(to *pflag.FlagSet) {
	f.evidence.Add(to, "tast")
	to.StringVar(&f.artifacts, "artifacts", "", "folder for JUnit and the results (default: $ARTIFACTS, else artifacts)")
	command.FormFlag(to, &f.form)
}

// check refuses misuse before anything runs.
func (f *flags) check() error {
	if err := f.evidence.Check(); err != nil {
		return err
	}
	if f.evidence.Wanted() && len(f.evidence.Subjects()) == 0 {
		return cli.Misuse("--subject is missing; evidence is about a digest: name that of the image that the device runs")
	}
	return nil
}

// runFlags are what a run takes.
type runFlags struct {
	flags
	tast     tast.Config
	deadline time.Duration
	dryRun   bool
}

const runHelp = `Run Tast's tests on a device, and say how they ended.

DEVICE is [USER@]HOST[:PORT]. TEST is a name with * in it, or one expression of
attributes in parentheses. The device is first asked which tests these are: one that has
no result in the end failed, whatever tast's own exit code says. Results go to tast/ in
the artifacts' folder, and JUnit beside it.

With --store the results are signed and filed as evidence about the digests of
--subject; failed tests are evidence too. The exit code is 1 when a test failed.`

// Run is `slipway tast run`.
func Run(env cli.Env) *cobra.Command {
	f := &runFlags{}
	c := &cobra.Command{
		Use: "run DEVICE TEST...", Short: "Run tests on a device", Long: runHelp,
		Example: `  slipway tast run 192.0.2.7 'crostini.*' --key-file ~/.ssh/testing_rsa
  slipway tast run dut '(group:mainline && !informational)' --flag -build=false --subject image=sha256:HEX --store gs://BUCKET --key tast.key --log URL`,
		RunE: func(c *cobra.Command, args []string) error {
			f.artifacts = cmp.Or(f.artifacts, env.Getenv("ARTIFACTS"), "artifacts")
			return f.run(c.Context(), env, args)
		},
	}
	f.addRun(c.Flags())
	return c
}

// Tester is the job binary.
func Tester(env cli.Env) *cobra.Command {
	f := &runFlags{}
	c := &cobra.Command{
		Use: "tast-tester DEVICE TEST...", Short: "Run Tast's tests on a device", Long: runHelp,
		Example: "  tast-tester dut 'crostini.*' --subject image=sha256:HEX --store /store --key /secrets/tast/key --log URL",
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.evidence.Job(env, &f.artifacts); err != nil {
				return err
			}
			return f.run(c.Context(), env, args)
		},
	}
	f.addRun(c.Flags())
	return c
}

func (f *runFlags) addRun(to *pflag.FlagSet) {
	f.add(to)
	to.StringVar(&f.tast.Program, "tast", "tast", "the program")
	to.StringVar(&f.tast.Key, "key-file", "", "file of the SSH key for the device (default: tast's own choice)")
	to.StringArrayVar(&f.tast.Flags, "flag", nil, "flag for tast itself, as -build=false; may be given more than once")
	to.DurationVar(&f.deadline, "deadline", 4*time.Hour, "bound of the whole run")
	to.BoolVar(&f.dryRun, "dry-run", false, "show what would be run, and run nothing")
}

func (f *runFlags) run(ctx context.Context, env cli.Env, args []string) error {
	if len(args) < 2 || args[0] == "" {
		return cli.Misuse("name a device and tests, as in `slipway tast run 192.0.2.7 'crostini.*'`")
	}
	if f.deadline <= 0 {
		return cli.Misuse("--deadline %s is no time to run in", f.deadline)
	}
	if err := f.check(); err != nil {
		return err
	}
	c := f.tast
	c.Device, c.Tests, c.Output = args[0], args[1:], env.Stderr
	c.Say = func(message string) { env.Log().Info(message) }
	var err error
	if c.Results, err = filepath.Abs(filepath.Join(f.artifacts, "tast")); err != nil {
		return err
	}
	if f.dryRun {
		plan := c.Plan()
		return command.Show(env.Stdout, f.form, plan, func(w io.Writer) {
			for _, args := range plan {
				fmt.Fprintf(w, "%q\n", args)
			}
		})
	}
	ctx, cancel := context.WithTimeoutCause(ctx, f.deadline, fmt.Errorf("not done within --deadline %s", f.deadline))
	defer cancel()
	run, broken := tast.Execute(ctx, c)
	return f.end(ctx, env, run, broken)
}

// Import is `slipway tast import`.
func Import(env cli.Env) *cobra.Command {
	f := &flags{}
	c := &cobra.Command{
		Use: "import FOLDER", Short: "Read the results of a run that somebody else made",
		Long: `Read the folder of results that tast left, as -resultsdir named it.

Without results.json the run died: what its stream holds is told, and the run failed.
JUnit goes into the artifacts' folder. With --store evidence is filed as by a run.`,
		Example: "  slipway tast import /tmp/tast/results/latest --subject image=sha256:HEX --store gs://BUCKET --key tast.key --log URL",
		RunE: func(c *cobra.Command, args []string) error {
			f.artifacts = cmp.Or(f.artifacts, env.Getenv("ARTIFACTS"), "artifacts")
			if len(args) != 1 {
				return cli.Misuse("name one folder of results, as /tmp/tast/results/latest")
			}
			if err := f.check(); err != nil {
				return err
			}
			switch info, err := os.Stat(args[0]); {
			case err != nil:
				return cli.Misuse("read the results: %w", err)
			case !info.IsDir():
				return cli.Misuse("read the results: %s is no folder; name the one that it is in", args[0])
			}
			run, err := tast.ReadFolder(args[0], nil)
			return f.end(c.Context(), env, run, err)
		},
	}
	f.add(c.Flags())
	return c
}

// result is what --output json prints.
type result struct {
	Good   bool     `json:"good"`
	Passed []string `json:"passed"`
	Failed []string `json:"failed"`
	JUnit  string   `json:"junit"`
}

const junitFile = "junit_tast.xml"

// filing is how long evidence may take to be filed.
const filing = 5 * time.Minute

// end reports a run, and files evidence unless broken says that it is no verdict.
func (f *flags) end(ctx context.Context, env cli.Env, run *tast.Run, broken error) error {
	if run == nil {
		return broken
	}
	passed, failed := run.Names()
	file := filepath.Join(f.artifacts, junitFile)
	err := writeJUnit(file, run.Suite())
	if err == nil {
		good := broken == nil && run.Good()
		err = command.Show(env.Stdout, f.form, result{good, passed, failed, file}, func(w io.Writer) { text(w, run, file) })
	}
	if broken != nil || err != nil {
		return errors.Join(broken, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), filing)
	defer cancel()
	r := evidence.Result{Outcome: evidence.Passed, Finished: run.Finished(), Passed: passed, Failed: failed}
	if !run.Good() {
		r.Outcome = evidence.Failed
	}
	if err := f.evidence.File(ctx, env, r); err != nil {
		return err
	}
	if !run.Good() {
		return fmt.Errorf("the run failed: %d tests passed and %d did not; see %s", len(passed), len(failed), file)
	}
	return nil
}

func writeJUnit(file string, suite junit.Suite) error {
	var out bytes.Buffer
	if err := junit.Write(&out, []junit.Suite{suite}); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}

// text says each test in a line.
func text(w io.Writer, run *tast.Run, file string) {
	for _, line := range run.Broken {
		fmt.Fprintf(w, "failed\trun\t\t%s\n", line)
	}
	for _, r := range run.Results {
		why := r.SkipReason
		if r.Status() == tast.Failed {
			why = r.Reason()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Status(), r.Name, r.Duration().Round(time.Millisecond), why)
	}
	fmt.Fprintf(w, "JUnit: %s\n", file)
}
