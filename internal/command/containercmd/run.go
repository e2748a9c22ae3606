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

// tests are one plan on one guest.
type tests struct {
	*flags
	env    cli.Env
	what   *plan.Plan
	denied *plan.Denylist

	suite    string             // that its results are of, in the reports
	guest    string             // what is tested, for people
	subjects []evidence.Subject // the same by digest, the first one first
	facts    []guest.Fact       // what it ran in
}

func (f *flags) run(ctx context.Context, env cli.Env, args []string) error {
	if err := f.check(args); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, f.deadline, fmt.Errorf("not done within --deadline %s", f.deadline))
	defer cancel()
	t := &tests{flags: f, env: env}
	if f.pairing.suite != "" {
		return t.pair(ctx)
	}
	return t.container(ctx, args[0])
}

// container tests a root file system on this machine.
func (t *tests) container(ctx context.Context, reference string) (err error) {
	if t.what, t.denied, err = t.loadPlan(t.plan); err != nil {
		return err
	}
	runtime, err := container.Choose(ctx, t.runtime, t.say)
	if err != nil {
		return err
	}
	cache, err := t.roots()
	if err != nil {
		return err
	}
	root, err := cache.Open(ctx, reference)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	binds, err := t.bound()
	if err != nil {
		return err
	}
	t.suite, t.guest, t.facts = t.what.Name+"/container", root.Name, []guest.Fact{{Name: "runtime", Value: runtime.Name()}}
	switch {
	case root.Digest != "":
		t.subjects = []evidence.Subject{{Name: root.Name, Digest: root.Digest}}
		t.say(fmt.Sprintf("%s is %s", root.Name, root.Digest))
	case t.evidence.Wanted() && len(t.evidence.Subjects()) == 0:
		return cli.Misuse("evidence is about a digest, and a folder has none; name an archive or an image, or --subject")
	}
	return t.all(ctx, runner.Config{
		Jobs:    1,
		Starter: runtime.Starter(container.Config{Root: root.Root, Network: t.network, Binds: binds, Boot: t.what.Machine.Boot}),
	})
}

func (t *tests) say(message string) { t.env.Log().Info(message) }

// roots are root file systems that were unpacked before.
func (t *tests) roots() (container.Cache, error) {
	folder, err := t.cacheFolder()
	return container.Cache{Folder: folder, Say: t.say}, err
}

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

// all runs the plan. The caller says what starts the guest.
func (t *tests) all(ctx context.Context, c runner.Config) error {
	c.Plan, c.Denylist, c.Where = t.what, t.denied, plan.Where{Track: t.track}
	c.Guest, c.FirstRelease, c.Artifacts, c.Say, c.Event = t.guest, true, t.artifacts, t.say, t.tell
	if len(t.subjects) > 0 {
		c.Digest = t.subjects[0].Digest
	}
	run, broken := runner.Run(ctx, c)
	if run == nil || broken != nil && !tried(run) {
		return broken
	}
	run.Environment = append(t.facts, run.Environment...)
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
	suites := []report.Suite{{Name: t.suite, Run: run, Console: found}}
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
	r := evidence.Result{Outcome: evidence.Passed, Passed: v.Passed, Warned: v.Warned, Failed: v.Failed, Subjects: t.subjects}
	switch {
	case !v.Good:
		r.Outcome = evidence.Failed
	case len(v.Warned) > 0:
		r.Outcome = evidence.Warned
	}
	return t.evidence.File(ctx, t.env, r)
}
