package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/guest/plan"
	"slipway.dev/slipway/internal/progress"
)

// work does the items, as many as jobs at a time. The first error ends all of them.
func (s *session) work(ctx context.Context, jobs int, items []item) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(jobs)
	for _, it := range items {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return s.do(ctx, it)
		})
	}
	return group.Wait()
}

// do runs the tests of an item on one machine, and on a fresh one after each that failed.
func (s *session) do(ctx context.Context, it item) (err error) {
	var m *machine
	defer func() { err = errors.Join(err, m.close()) }()
	for _, t := range it.tests {
		if m, err = s.test(ctx, it.name, m, t); err != nil {
			return err
		}
	}
	if !it.look {
		return nil
	}
	if m == nil {
		if m, err = s.machineFor(ctx, it.name); err != nil || m == nil {
			return err
		}
	}
	s.recordBoot(ctx, m)
	return nil
}

// machineFor is fresh for what no test needs: a guest that does not come up is no error.
func (s *session) machineFor(ctx context.Context, name string) (*machine, error) {
	m, err := s.fresh(ctx, name)
	if _, failed := bootFailure(ctx, err); failed {
		return nil, nil
	}
	return m, err
}

// attempt is one time that a test ran.
type attempt struct {
	machine  string   // on which it ran
	after    []string // the tests that ran there before
	problems []string
	files    []string
	time     time.Duration
}

// test runs a test on a machine (nil is a fresh one). It returns the machine for the next
// test, or nil if the next had better have a fresh one.
func (s *session) test(ctx context.Context, name string, m *machine, t *plan.Test) (*machine, error) {
	s.began(t.Name)
	entry, expired := s.Denylist.For(t.Name, s.Where)
	attempts, m, err := s.attempts(ctx, name, m, t, entry != nil)
	if err == nil && ctx.Err() != nil { // what was seen while everything ends says nothing of the guest
		err = context.Cause(ctx)
	}
	if err != nil {
		return m, err
	}
	result := judge(attempts, entry, expired)
	result.Name = t.Name
	s.ended(result)
	return m, nil
}

// attempts runs a test, and once more on a fresh machine if it failed and nobody expects
// that. A machine on which it failed is not used again.
func (s *session) attempts(ctx context.Context, name string, m *machine, t *plan.Test, expected bool) (list []attempt, _ *machine, err error) {
	for len(list) < 2 {
		a, used, err := s.attempt(ctx, name, m, t)
		if err != nil {
			return nil, nil, errors.Join(err, used.close())
		}
		if len(a.problems) == 0 {
			return append(list, a), used, nil
		}
		if !expected && ctx.Err() == nil {
			a.files = s.collect(ctx, used, t.Name, len(list)+1)
		}
		list = append(list, a)
		if !expected && len(list) == 2 && s.keep(t.Name, used) {
			break
		}
		if err := used.close(); err != nil {
			return nil, nil, fmt.Errorf("end the machine of test %s: %w", t.Name, err)
		}
		if expected || ctx.Err() != nil {
			break
		}
		m = nil
	}
	return list, nil, nil
}

// keep takes the machine for Keep if it is the first, and says whether it did.
func (s *session) keep(test string, m *machine) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Keep == nil || s.kept != nil || m == nil || m.isDead() {
		return false
	}
	s.kept, s.keptBy = m, test
	return true
}

// attempt runs a test once and returns the machine that it ended on; nil is one that did
// not come up. The error is one of this machine's and says nothing of the guest.
func (s *session) attempt(ctx context.Context, name string, m *machine, t *plan.Test) (a attempt, _ *machine, err error) {
	start := time.Now()
	defer func() { a.time = time.Since(start) }()
	if m == nil {
		m, err = s.fresh(ctx, name)
		if problem, failed := bootFailure(ctx, err); failed {
			return attempt{machine: name, problems: []string{problem}}, nil, nil
		}
		if err != nil {
			return attempt{}, nil, err
		}
	}
	a.machine, a.after = m.name, m.used
	m.used = append(m.used[:len(m.used):len(m.used)], t.Name)
	limit := s.Plan.Deadline(t)
	limited, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the test took longer than %s", limit))
	defer cancel()
	defer progress.Watch(15*time.Second, "test "+t.Name, func(message string) { s.say("%s", message) })()
	if t.Upgrade != nil {
		m, a.problems, err = s.upgrade(limited, m, t)
	} else {
		a.problems = s.observe(limited, m, t)
	}
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		a.problems, err = append(a.problems, err.Error()), nil // it is the test that is late
	}
	return a, m, err
}
