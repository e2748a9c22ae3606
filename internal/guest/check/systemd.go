package check

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"slipway.dev/slipway/internal/guest"
)

// System is the state that systemd gives for the whole system once it has started:
// running, or degraded where a failed unit is known and allowed.
type System string

// Validate is part of Check.
func (s *System) Validate() error {
	if *s != "running" && *s != "degraded" {
		return fmt.Errorf("system %q: want running or degraded", string(*s))
	}
	return nil
}

// Check is part of Check.
func (s *System) Check(ctx context.Context, g guest.Guest) []string {
	state, err := Settle(ctx, g)
	if err != nil {
		return []string{err.Error()}
	}
	if state == string(*s) {
		return nil
	}
	problem := fmt.Sprintf("the system is %s, want %s", state, string(*s))
	if failed, err := failedUnits(ctx, g); err == nil && len(failed) > 0 {
		problem += "; failed: " + strings.Join(failed, ", ")
	}
	return []string{problem}
}

// again is how long to wait before a guest is asked again whose systemd is too old, or
// too young in its boot, to wait by itself.
const again = 300 * time.Millisecond

// Settle waits until the guest has started, and returns the state of its system: running,
// degraded, maintenance or whatever else its systemd says.
func Settle(ctx context.Context, g guest.Guest) (string, error) {
	args := []string{"systemctl", "is-system-running", "--wait"}
	last := ""
	for {
		out, err := g.Run(ctx, guest.Command{Args: args})
		switch state := strings.TrimSpace(string(out.Stdout)); {
		case err != nil && last != "" && ctx.Err() != nil:
			return "", fmt.Errorf("the system is still %s: %w", last, context.Cause(ctx))
		case err != nil:
			return "", unanswered(args, err)
		case !slices.Contains(notYet, state):
			return state, nil
		default:
			last = cmp.Or(state, "without a state") + said(out.Stderr)
		}
		pause(ctx)
	}
}

// notYet are the states of a system that has not started. It has none, or is taken for
// offline, until its systemd can be reached.
var notYet = []string{"initializing", "starting", "offline", ""}

func said(stderr []byte) string {
	if len(stderr) == 0 {
		return ""
	}
	return " (systemctl said " + quote(stderr) + ")"
}

// pause waits a moment, or until ctx ends: then the guest no longer answers.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(again):
	}
}

// FailedUnits is that no unit of systemd has failed, but those that match a pattern of
// Allow. A plan writes `none`, or a mapping with the units that it allows.
type FailedUnits struct {
	Allow []string
}

// UnmarshalYAML takes the word none, or {allow: [...]}.
func (f *FailedUnits) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode && node.Value == "none" {
		return nil
	}
	if node.Kind != yaml.MappingNode || len(node.Content) != 2 || node.Content[0].Value != "allow" {
		return fmt.Errorf("line %d: failed-units: want none, or {allow: [units]}", node.Line)
	}
	return node.Content[1].Decode(&f.Allow)
}

// Validate is part of Check.
func (f *FailedUnits) Validate() error {
	for _, pattern := range f.Allow {
		if _, err := path.Match(pattern, ""); err != nil || !plain(pattern) {
			return fmt.Errorf("failed-units: %q is no pattern of units", pattern)
		}
	}
	return nil
}

// Check is part of Check.
func (f *FailedUnits) Check(ctx context.Context, g guest.Guest) []string {
	failed, err := failedUnits(ctx, g)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	for _, unit := range failed {
		if !f.allows(unit) {
			problems = append(problems, unit+" failed")
		}
	}
	return problems
}

func (f *FailedUnits) allows(unit string) bool {
	for _, pattern := range f.Allow {
		if ok, _ := path.Match(pattern, unit); ok { // Validate saw that it is a pattern
			return true
		}
	}
	return false
}

func failedUnits(ctx context.Context, g guest.Guest) ([]string, error) {
	out, err := ask(ctx, g, "systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--full", "--no-pager")
	if err != nil {
		return nil, err
	}
	var units []string
	for line := range strings.Lines(out) {
		if fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "●")); len(fields) > 0 {
			units = append(units, fields[0])
		}
	}
	return units, nil
}

// Services are units of systemd that are active. A name without a suffix is a service.
type Services []string

// Validate is part of Check.
func (s Services) Validate() error { return eachPlain("service", s) }

// Check is part of Check. A unit that is just starting is waited for.
func (s Services) Check(ctx context.Context, g guest.Guest) []string {
	args := append([]string{"systemctl", "is-active"}, s...)
	var last []string
	for {
		out, err := g.Run(ctx, guest.Command{Args: args})
		if err != nil {
			return append(last, unanswered(args, err).Error())
		}
		states := strings.Fields(string(out.Stdout))
		if len(states) != len(s) {
			return []string{fmt.Sprintf("systemctl gave %d states for %d units: %s%s", len(states), len(s), quote(out.Stdout), said(out.Stderr))}
		}
		problems, starting := s.compare(states)
		if !starting {
			return problems
		}
		last = problems
		pause(ctx)
	}
}

// compare says which units are not active, and whether all of these are still starting.
func (s Services) compare(states []string) (problems []string, starting bool) {
	starting = true
	for i, state := range states {
		if state == "active" {
			continue
		}
		problems = append(problems, fmt.Sprintf("%s is %s, want active", s[i], state))
		starting = starting && (state == "activating" || state == "reloading")
	}
	return problems, starting && len(problems) > 0
}
