// Package runner runs a test plan on a guest.
//
// The guest boots once. Its state is kept, and every test runs on a machine restored from
// it: tests that only look share one, a test that changes the guest has its own, and
// as many run side by side as memory and cores allow. A test that failed runs again on a
// fresh machine, so no test fails or passes because of another unnoticed. Nothing that
// was started outlives Run, whichever way it ends.
package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/plan"
)

// Config is what is tested, how, and who is told. Plan and Starter are needed.
type Config struct {
	Plan     *plan.Plan
	Denylist *plan.Denylist // nil is none
	Where    plan.Where     // what entries of the denylist are for; Now is the clock's, unless it is set

	Guest  string // its name, for people
	Digest string

	Starter      guest.Starter
	Previous     guest.Starter // the previous guest, with this one's disk beside its own; for upgrades
	FirstRelease bool          // there is no previous guest: upgrades are left out, and the run says so

	Jobs      int                   // machines at a time; 0 is as many as there are cores. Never more than there is memory for
	Available func() (int64, error) // bytes of memory for machines; nil is enough
	Artifacts string                // folder for files of the run; empty is nowhere

	// MaxConsole is how much of each console is kept, in bytes: a guest that prints more
	// has failed. 0 is console.DefaultMaxLog.
	MaxConsole int64

	// Keep is given the machine of the first test that failed, after all else is done
	// and before the machine is closed. Nil closes it at once.
	Keep func(ctx context.Context, test string, m guest.Machine)

	Event func(Event)          // nil is nobody; never called twice at a time
	Say   func(message string) // what goes on, for people; nil is nobody; never called twice at a time
}

// Event is that a test began, or ended.
type Event struct {
	Test   string
	Result *guest.TestResult // nil when it begins
}

func (c *Config) check() error {
	if c.Plan.Upgrades() && c.Previous == nil && !c.FirstRelease {
		return fmt.Errorf("run plan %s: it upgrades from the previous guest, and none was given: name one, or say that there is none yet", c.Plan.Name)
	}
	return nil
}

// Run runs all tests of the plan. Unless the error says otherwise, the result is a verdict:
// a guest that does not boot is a failed test and no error. With an error the result is
// what was seen until then, and what did not run is skipped.
func Run(ctx context.Context, c Config) (*guest.Run, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := newSession(c)
	err := s.prepare()
	if err == nil {
		err = errors.Join(s.all(ctx), s.kept.close(), s.ready.close(), s.snapshot.close())
	}
	s.finish(ctx, err)
	if err != nil {
		err = fmt.Errorf("run plan %s: %w", c.Plan.Name, err)
	}
	return s.run, err
}

func (s *session) prepare() error {
	if s.Artifacts == "" {
		return nil
	}
	return os.MkdirAll(s.Artifacts, 0o755)
}

// all boots the guest, and runs every test on what came of it.
func (s *session) all(ctx context.Context) error {
	m, err := s.boot(ctx)
	if err != nil || m == nil {
		return err
	}
	if err := s.freeze(ctx, m); err != nil {
		return err
	}
	jobs, err := s.jobs()
	if err != nil {
		return err
	}
	s.fact("machines at a time", fmt.Sprint(jobs))
	if err := s.work(ctx, jobs, schedule(s.tests, jobs, s.snapshot.there())); err != nil {
		return err
	}
	if s.kept != nil {
		s.Keep(ctx, s.keptBy, s.kept.Machine)
	}
	return nil
}

// boot starts the guest for the first time. A nil machine without an error is a guest
// that did not boot.
func (s *session) boot(ctx context.Context) (*machine, error) {
	s.began(plan.Boot)
	start := time.Now()
	m, err := s.start(ctx, plan.Boot, s.Starter, true)
	result := guest.TestResult{Name: plan.Boot, Status: guest.Passed, Time: time.Since(start), Files: s.consoleFiles(plan.Boot)}
	if problem, failed := bootFailure(ctx, err); failed {
		result.Status, result.Reason, result.Detail = guest.Failed, oneLine(problem), problem
		s.ended(result)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("start the guest: %w", err)
	}
	s.run.Command = m.Command()
	s.run.Timings = append(s.run.Timings, guest.Timing{Part: "answered", Time: result.Time})
	if file := s.screenshot(ctx, m, "boot.png"); file != "" {
		result.Files = append(result.Files, file)
		s.run.Files = append(s.run.Files, file)
	}
	s.ended(result)
	s.settle(ctx, m)
	return m, nil
}

// bootFailure says whether err is the guest's fault, and what happened.
func bootFailure(ctx context.Context, err error) (problem string, failed bool) {
	var boot *guest.BootError
	if ctx.Err() != nil || !errors.As(err, &boot) {
		return "", false
	}
	return boot.Error(), true
}

// freeze keeps the state of the booted guest. A kind of guest that cannot do that goes
// on as the machine of the first tests.
func (s *session) freeze(ctx context.Context, m *machine) error {
	keeper, ok := m.Machine.(guest.Snapshotter)
	if !ok {
		s.ready = m
		return nil
	}
	start := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, snapshotLimit, fmt.Errorf("it took longer than %s", snapshotLimit))
	defer cancel()
	state, err := keeper.Snapshot(ctx)
	if errors.Is(err, guest.ErrUnsupported) {
		s.ready = m
		return nil
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep the state of the guest: %w", err), m.close())
	}
	s.snapshot.Snapshot = state
	s.run.Timings = append(s.run.Timings, guest.Timing{Part: "snapshot", Time: time.Since(start)})
	return m.close()
}

const snapshotLimit = 2 * time.Minute

// path is where an artifact lies. Its name is of a test, whose plan was checked.
func (s *session) path(name string) string { return filepath.Join(s.Artifacts, name) }

func (s *session) write(name string, data []byte) error {
	return os.WriteFile(s.path(name), data, 0o644)
}
