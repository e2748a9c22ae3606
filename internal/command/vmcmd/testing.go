package vmcmd

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"time"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/plan"
	"slipway.dev/slipway/internal/guest/report"
	"slipway.dev/slipway/internal/guest/runner"
	"slipway.dev/slipway/internal/qemu"
)

// tests are the runs of one plan on one image.
type tests struct {
	*testFlags
	env      cli.Env
	what     *plan.Plan
	denied   *plan.Denylist
	of       *source
	maxLog   plan.Size
	before   *image // the previous release; may be nil
	suites   []report.Suite
	commands []string // that start the guests of the suites by hand
}

func (f *testFlags) run(ctx context.Context, env cli.Env) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, f.wait+f.deadline, fmt.Errorf("not done within --deadline %s", f.deadline))
	defer cancel()
	t := &tests{testFlags: f, env: env}
	if t.what, t.denied, err = loadPlan(f.plan, f.denylist); err != nil {
		return err
	}
	if t.maxLog, err = plan.ParseSize(f.maxConsole); err != nil {
		return err
	}
	if err := f.apply(&t.what.Machine); err != nil {
		return err
	}
	if t.what.Upgrades() && f.previous == "" && !f.firstRelease {
		return cli.Misuse("plan %s tests the upgrade from the previous release; name its disk by --previous, or say --first-release", f.plan)
	}
	if t.of, err = f.open(ctx, t.say); err != nil {
		return err
	}
	defer t.of.close()
	if f.previous != "" {
		file, remove, err := f.bring(ctx, f.previous, t.say)
		if err != nil {
			return err
		}
		defer remove()
		if t.before, err = openImage(file, t.say); err != nil {
			return err
		}
	}
	return t.end(ctx, t.all(ctx))
}

// loadPlan reads the plan and its denylist. What is wrong in them is misuse: nothing was started.
func loadPlan(file, denylist string) (*plan.Plan, *plan.Denylist, error) {
	p, err := plan.Load(file)
	if err != nil {
		return nil, nil, &cli.UsageError{Err: err}
	}
	if denylist == "" {
		return p, nil, nil
	}
	d, err := plan.LoadDenylist(denylist, p, time.Now())
	if err != nil {
		return nil, nil, &cli.UsageError{Err: err}
	}
	return p, d, nil
}

func (t *tests) say(message string) { t.env.Log().Info(message) }

// all runs the plan under each firmware. It goes on after a firmware under which a test failed.
func (t *tests) all(ctx context.Context) error {
	for _, firmware := range t.what.Machine.Firmware {
		if ctx.Err() != nil {
			return fmt.Errorf("not tested under %s: %w", firmware, context.Cause(ctx))
		}
		if err := t.one(ctx, firmware); err != nil {
			return err
		}
	}
	return nil
}

// one runs the plan under one firmware, with artifacts in a folder of its own.
func (t *tests) one(ctx context.Context, firmware string) error {
	suite := t.what.Name + "/" + firmware
	say := func(message string) { t.say(suite + ": " + message) }
	machine := t.config(t.what.Machine, firmware, t.of, say)
	config := runner.Config{
		Plan: t.what, Denylist: t.denied, Where: plan.Where{Firmware: firmware, Track: t.track},
		Guest: t.of.name, Digest: t.of.digest(), Starter: machine, FirstRelease: t.firstRelease,
		Jobs: t.jobs, Available: qemu.Available, Artifacts: filepath.Join(t.artifacts, firmware), MaxConsole: int64(t.maxLog), Say: say,
		Event: func(e runner.Event) { tell(say, e) },
	}
	if t.before != nil {
		config.Previous = upgraded(machine, t.before.Disk, t.of.image.Disk)
	}
	if t.keep {
		config.Keep = t.keepRunning
	}
	run, err := runner.Run(ctx, config)
	if run != nil && (err == nil || tried(run)) {
		err = errors.Join(err, t.add(suite, firmware, run, machine))
	}
	return err
}

// tried says whether a test of the run ended by itself.
func tried(run *guest.Run) bool {
	return slices.ContainsFunc(run.Tests, func(r guest.TestResult) bool { return r.Status != guest.Skipped })
}

// upgraded is the machine of the previous release, with the new disk beside its own.
func upgraded(c qemu.Config, previous, disk qemu.Disk) qemu.Config {
	disk.Serial, disk.ReadOnly = "slipway-new", true
	c.Disks = []qemu.Disk{previous, disk}
	return c
}

// add keeps a run for the report, with its files named from the artifacts' folder.
func (t *tests) add(suite, firmware string, run *guest.Run, machine qemu.Config) error {
	if run.Command == nil { // it did not get to answer
		run.Command = machine.Args(qemu.Runtime{Accel: machine.Accel})
	}
	run.Environment = append(facts(firmware, machine, run.Command), run.Environment...)
	below(firmware, run.Files)
	for _, test := range run.Tests {
		below(firmware, test.Files)
	}
	found, err := report.Consoles(t.artifacts, run, t.what.Console.Names())
	t.suites = append(t.suites, report.Suite{Name: suite, Run: run, Console: found})
	t.commands = append(t.commands, report.Shell(run.Command))
	return err
}

// below puts a folder before the names of files.
func below(folder string, files []string) {
	for i, file := range files {
		files[i] = path.Join(folder, file)
	}
}

// facts are what the guest ran in.
func facts(firmware string, c qemu.Config, command []string) []guest.Fact {
	accel := "?"
	if i := slices.Index(command, "-accel"); i >= 0 && i+1 < len(command) {
		accel = command[i+1]
	}
	return []guest.Fact{
		{Name: "firmware", Value: firmware}, {Name: "accelerator", Value: accel},
		{Name: "memory", Value: plan.Size(c.Memory).String()}, {Name: "processors", Value: fmt.Sprint(c.CPUs)},
	}
}

// tell says how a test ended. Why tests did not run is said once, by what kept them from it.
func tell(say func(string), e runner.Event) {
	if r := e.Result; r != nil && r.Status != guest.Skipped {
		say(fmt.Sprintf("%s %s after %s%s", r.Name, r.Status, r.Time.Round(time.Millisecond), because(r.Reason)))
	}
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// keepRunning leaves a machine to a person until Ctrl-C, or the run's deadline.
func (t *tests) keepRunning(ctx context.Context, test string, m guest.Machine) {
	t.say(fmt.Sprintf("%s failed; its machine stays until Ctrl-C", test))
	t.say(login(ctx, m))
	<-ctx.Done()
}

// file files evidence. Ctrl-C after the tests ended, as of a machine that was kept, does
// not keep it from that.
func (t *tests) file(ctx context.Context) error {
	if !t.evidence.Wanted() {
		return nil
	}
	if err := t.of.unchanged(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	v := report.Judge(t.suites)
	r := evidence.Result{Outcome: evidence.Passed, Passed: v.Passed, Warned: v.Warned, Failed: v.Failed, Subjects: t.of.subjects()}
	switch {
	case !v.Good:
		r.Outcome = evidence.Failed
	case len(v.Warned) > 0:
		r.Outcome = evidence.Warned
	}
	return t.evidence.File(ctx, t.env, r)
}
