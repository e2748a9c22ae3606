package plan

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/guest/console"
)

// names are files' names too: each test has a folder of artifacts.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$`)

// validate says everything that is wrong with the plan.
func (p *Plan) validate() error {
	problems := p.head()
	if len(p.Tests) == 0 {
		problems = append(problems, "it has no test: add one to tests, as in {name: system, system: running}")
	}
	seen := map[string]int{}
	for i := range p.Tests {
		t := &p.Tests[i]
		for _, problem := range p.test(t, seen) {
			problems = append(problems, fmt.Sprintf("line %d: test %s: %s", t.line, t.label(i), problem))
		}
		seen[t.Name] = t.line
	}
	return joined(p.File, problems)
}

func joined(file string, problems []string) error {
	errs := make([]error, len(problems))
	for i, problem := range problems {
		errs[i] = fmt.Errorf("%s: %s", file, problem)
	}
	return errors.Join(errs...)
}

// label names a test, by its number if it has no name.
func (t *Test) label(i int) string {
	if t.Name == "" {
		return fmt.Sprintf("%d", i+1)
	}
	return t.Name
}

// head checks all but the tests.
func (p *Plan) head() []string {
	var problems []string
	if !namePattern.MatchString(p.Name) {
		problems = append(problems, fmt.Sprintf("name %q: want letters, digits, dots and dashes, as in hello-os", p.Name))
	}
	if p.Machine.CPUs < 1 || p.Machine.CPUs > 256 {
		problems = append(problems, fmt.Sprintf("machine: cpus %d: want 1 or more", p.Machine.CPUs))
	}
	problems = append(problems, p.firmware()...)
	problems = append(problems, unit("machine: boot", p.Machine.Boot)...)
	problems = append(problems, unit("timeout", p.Timeout)...)
	for _, ignored := range p.Console.Ignore {
		if !console.Known(ignored.Pattern) {
			problems = append(problems, fmt.Sprintf("console: ignore: there is no pattern %q; docs/vm.md lists them", ignored.Pattern))
		}
		if strings.TrimSpace(ignored.Reason) == "" {
			problems = append(problems, fmt.Sprintf("console: ignore: %s has no reason: say why it is no failure here", ignored.Pattern))
		}
	}
	return problems
}

func (p *Plan) firmware() []string {
	var problems []string
	if len(p.Machine.Firmware) == 0 {
		problems = append(problems, "machine: firmware names none; want uefi, bios or both")
	}
	for i, firmware := range p.Machine.Firmware {
		if firmware != "uefi" && firmware != "bios" {
			problems = append(problems, fmt.Sprintf("machine: firmware %q: want uefi or bios", firmware))
		}
		if slices.Contains(p.Machine.Firmware[:i], firmware) {
			problems = append(problems, fmt.Sprintf("machine: firmware %s is there twice", firmware))
		}
	}
	return problems
}

// unit checks a time.
func unit(what string, d time.Duration) []string {
	if d >= time.Second && d <= 24*time.Hour {
		return nil
	}
	return []string{fmt.Sprintf("%s %s: want 1s to 24h, with its unit, as in 90s", what, d)}
}

// test checks one test; seen are the names before it, and their lines.
func (p *Plan) test(t *Test, seen map[string]int) []string {
	var problems []string
	switch line, twice := seen[t.Name]; {
	case !namePattern.MatchString(t.Name):
		problems = append(problems, "name: want letters, digits, dots and dashes")
	case t.Name == Boot || t.Name == ConsoleIsGood:
		problems = append(problems, "each run has a test of this name already: choose another")
	case twice:
		problems = append(problems, fmt.Sprintf("line %d has a test of this name: choose another", line))
	}
	if t.Timeout != 0 {
		problems = append(problems, unit("timeout", t.Timeout)...)
	}
	checks := t.Checks()
	if len(checks) == 0 && t.Reboot == nil && t.Upgrade == nil {
		problems = append(problems, "it checks nothing: add a check, as in system: running")
	}
	for _, c := range checks {
		if err := c.Validate(); err != nil {
			problems = append(problems, err.Error())
		}
	}
	return append(problems, p.boots(t)...)
}

// boots checks what reboots.
func (p *Plan) boots(t *Test) []string {
	var problems []string
	if t.Reboot != nil && t.Upgrade != nil {
		problems = append(problems, "reboot and upgrade are two tests: give each a name")
	}
	if t.Reboot != nil {
		problems = append(problems, p.then("reboot", t.Reboot.Then)...)
	}
	u := t.Upgrade
	if u == nil {
		return problems
	}
	if len(t.Checks()) > 0 {
		problems = append(problems, "an upgrade has no other checks: name their tests in then")
	}
	for _, step := range []struct {
		name string
		args []string
	}{{"version", u.Version}, {"command", u.Command}, {"rollback", u.Rollback}} {
		if len(step.args) == 0 || step.args[0] == "" {
			problems = append(problems, fmt.Sprintf("upgrade: %s names no program", step.name))
		}
	}
	return append(problems, p.then("upgrade", u.Then)...)
}

// then checks the names of tests that hold after a reboot.
func (p *Plan) then(what string, names []string) []string {
	var problems []string
	for _, name := range names {
		switch t := p.Test(name); {
		case t == nil:
			problems = append(problems, fmt.Sprintf("%s: then: there is no test %q", what, name))
		case t.Reboot != nil || t.Upgrade != nil:
			problems = append(problems, fmt.Sprintf("%s: then: %s reboots itself", what, name))
		}
	}
	return problems
}
