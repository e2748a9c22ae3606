package containercmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/container"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/plan"
	"slipway.dev/slipway/internal/guest/report"
	"slipway.dev/slipway/internal/guest/runner"
)

// tests are one plan on one container.
type tests struct {
	*flags
	env    cli.Env
	what   *plan.Plan
	denied *plan.Denylist
	root   *container.Opened
}

func (f *flags) run(ctx context.Context, env cli.Env, args []string) (err error) {
	if err := f.check(args); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, f.deadline, fmt.Errorf("not done within --deadline %s", f.deadline))
	defer cancel()
	t := &tests{flags: f, env: env}
	if t.what, t.denied, err = f.loadPlan(); err != nil {
		return err
	}
	runtime, err := container.Choose(ctx, f.runtime, t.say)
	if err != nil {
		return err
	}
	cache, err := f.cacheFolder()
	if err != nil {
		return err
	}
	if t.root, err = (container.Cache{Folder: cache, Say: t.say}).Open(ctx, args[0]); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.root.Close()) }()
	if t.evidence.Wanted() && t.root.Digest == "" && len(t.evidence.Subjects()) == 0 {
		return cli.Misuse("evidence is about a digest, and a folder has none; name an archive or an image, or --subject")
	}
	return t.all(ctx, runtime)
}

func (t *tests) say(message string) { t.env.Log().Info(message) }

func (f *flags) cacheFolder() (string, error) {
	if f.cache != "" {
		return filepath.Abs(f.cache)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a cache folder: %w; name one with --cache", err)
	}
	return filepath.Join(cache, "slipway", "containers"), nil
}

func (t *tests) all(ctx context.Context, runtime container.Runtime) error {
	if t.root.Digest != "" {
		t.say(fmt.Sprintf("%s is %s", t.root.Name, t.root.Digest))
	}
	binds, err := t.bound()
	if err != nil {
		return err
	}
	run, broken := runner.Run(ctx, runner.Config{
		Plan: t.what, Denylist: t.denied, Where: plan.Where{Track: t.track},
		Guest: t.root.Name, Digest: t.root.Digest, Jobs: 1, FirstRelease: true,
		Starter:   runtime.Starter(container.Config{Root: t.root.Root, Network: t.network, Binds: binds, Boot: t.what.Machine.Boot}),
		Artifacts: t.artifacts, Say: t.say, Event: t.tell,
	})
	if run == nil || broken != nil && !tried(run) {
		return broken
	}
	run.Environment = append([]guest.Fact{{Name: "runtime", Value: runtime.Name()}}, run.Environment...)
	return t.end(ctx, run, broken)
}

// tried says whether a test of the run ended by itself.
func tried(run *guest.Run) bool {
	return slices.ContainsFunc(run.Tests, func(r guest.TestResult) bool { return r.Status != guest.Skipped })
}

// tell says how a test ended. Why tests did not run is said once, by what kept them from it.
func (t *tests) tell(e runner.Event) {
	if r := e.Result; r != nil && r.Status != guest.Skipped {
		t.say(fmt.Sprintf("%s %s after %s%s", r.Name, r.Status, r.Time.Round(time.Millisecond), because(r.Reason)))
	}
}

// result is what --output json prints.
type result struct {
	Good   bool           `json:"good"`
	Report string         `json:"report"`
	Suites []report.Suite `json:"suites"`
}

// end writes the report, says how the tests went and files evidence. broken is why they
// are no verdict, if they are none.
func (t *tests) end(ctx context.Context, run *guest.Run, broken error) error {
	var ignore []string
	for _, i := range t.what.Console.Ignore {
		ignore = append(ignore, i.Pattern)
	}
	found, err := report.Consoles(t.artifacts, run, ignore)
	if err != nil {
		return errors.Join(broken, err)
	}
	suites := []report.Suite{{Name: t.what.Name + "/container", Run: run, Console: found}}
	page := filepath.Join(t.artifacts, report.HTMLFile)
	err = report.Write(t.artifacts, suites)
	if err == nil {
		good := broken == nil && report.Good(suites)
		err = command.Show(t.env.Stdout, t.form, result{good, page, suites}, func(w io.Writer) { text(w, suites[0], page) })
	}
	if broken != nil || err != nil {
		return errors.Join(broken, err)
	}
	v := report.Judge(suites)
	if err := t.file(ctx, v); err != nil || v.Good {
		return err
	}
	return fmt.Errorf("%d of %d tests failed; see %s", len(v.Failed), len(run.Tests), page)
}

// text says each test in a line, and if one failed how to have the same guest.
func text(w io.Writer, s report.Suite, page string) {
	fmt.Fprintf(w, "%s: %s\n", s.Name, report.Summary(s.Run))
	for _, test := range s.Run.Tests {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", test.Status, test.Name, report.Seconds(test.Time), test.Reason)
	}
	if !s.Run.Good() && len(s.Run.Command) > 0 {
		fmt.Fprintf(w, "the same guest by hand: %s\n", report.Shell(s.Run.Command))
	}
	fmt.Fprintf(w, "report: %s\n", page)
}

// filing is how long evidence may take to be filed, also after a Ctrl-C.
const filing = 5 * time.Minute

func (t *tests) file(ctx context.Context, v report.Verdict) error {
	if !t.evidence.Wanted() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), filing)
	defer cancel()
	r := evidence.Result{Outcome: evidence.Passed, Passed: v.Passed, Warned: v.Warned, Failed: v.Failed}
	if t.root.Digest != "" {
		r.Subjects = []evidence.Subject{{Name: t.root.Name, Digest: t.root.Digest}}
	}
	switch {
	case !v.Good:
		r.Outcome = evidence.Failed
	case len(v.Warned) > 0:
		r.Outcome = evidence.Warned
	}
	return t.evidence.File(ctx, t.env, r)
}
