package runner

import (
	"context"
	"fmt"
	"strings"

	"slipway.dev/slipway/internal/guest/plan"
)

// upgrade asks the guest for its version, lets go of it, and takes the previous guest to
// that version and back. It returns the machine of the previous guest. What that one
// prints on its console is not held against this guest, unless it dies of it.
func (s *session) upgrade(ctx context.Context, m *machine, t *plan.Test) (*machine, []string, error) {
	version, problem := versionOf(ctx, m, t.Upgrade)
	if problem != "" {
		return m, ending(ctx, []string{problem}), nil
	}
	if err := m.close(); err != nil {
		return nil, nil, fmt.Errorf("end the machine of test %s: %w", t.Name, err)
	}
	previous, err := s.start(ctx, t.Name+"-previous", s.Previous, false)
	if problem, failed := bootFailure(ctx, err); failed {
		return nil, []string{"the previous guest: " + problem}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("start the previous guest: %w", err)
	}
	ctx, stop := previous.until(ctx)
	defer stop()
	s.settle(ctx, previous)
	return previous, ending(ctx, s.thereAndBack(ctx, previous, t.Upgrade, version)), nil
}

// way is a change of the guest's version.
type way struct {
	name    string
	command []string
	version string
	then    []string
}

func (s *session) thereAndBack(ctx context.Context, m *machine, u *plan.Upgrade, version string) []string {
	old, problem := versionOf(ctx, m, u)
	if problem != "" {
		return []string{"the previous guest: " + problem}
	}
	if old == version {
		return []string{fmt.Sprintf("this guest and the previous one are both %s: there is nothing to upgrade", version)}
	}
	for _, w := range []way{{"upgrade", u.Command, version, u.Then}, {"rollback", u.Rollback, old, nil}} {
		if problems := s.change(ctx, m, u, w); len(problems) > 0 {
			return problems
		}
	}
	return nil
}

// change goes one way: command, reboot, and a look at what the guest is now.
func (s *session) change(ctx context.Context, m *machine, u *plan.Upgrade, w way) []string {
	s.say("%s: %s", m.name, w.name)
	if _, problem := run(ctx, m, "", w.command...); problem != "" {
		return []string{w.name + ": " + problem}
	}
	if problem := s.restart(ctx, m); problem != "" {
		return []string{w.name + ": " + problem}
	}
	have, problem := versionOf(ctx, m, u)
	if problem != "" {
		return []string{w.name + ": " + problem}
	}
	if have != w.version {
		return []string{fmt.Sprintf("after the %s the guest is %s, want %s", w.name, have, w.version)}
	}
	return s.then(ctx, m, w.name, w.then)
}

func versionOf(ctx context.Context, m *machine, u *plan.Upgrade) (version, problem string) {
	out, problem := run(ctx, m, "", u.Version...)
	if version = strings.TrimSpace(out); problem == "" && version == "" {
		problem = strings.Join(u.Version, " ") + " prints no version"
	}
	return version, problem
}
