// Package plan reads what is expected of a guest: a test plan, and the denylist of tests
// that are known to fail.
//
// Both are files that people write and that decide what passes. So a word that is not
// known, a test that tests nothing and an entry that nobody will ever come back to are
// errors, each with its line and its cure, before anything is started.
package plan

import (
	"reflect"
	"slices"
	"time"

	"slipway.dev/slipway/internal/guest/check"
)

// Plan is what is expected of a guest, and what it needs.
type Plan struct {
	File    string        `yaml:"-"` // that it was read from
	Name    string        `yaml:"name"`
	Machine Machine       `yaml:"machine"`
	Timeout time.Duration `yaml:"timeout"` // of each test that has none of its own
	Console Console       `yaml:"console"`
	Tests   []Test        `yaml:"tests"`
}

// Machine is what a guest needs of what runs it.
type Machine struct {
	Memory   Size          `yaml:"memory"`
	CPUs     int           `yaml:"cpus"`
	Firmware []string      `yaml:"firmware"` // uefi, bios: a run for each
	Boot     time.Duration `yaml:"boot"`     // until it answers
}

// Console says which findings on the guest's console are no failure of this guest.
type Console struct {
	Ignore []Ignored `yaml:"ignore"`
}

// Ignored is a pattern of package console by its name, and why it does not count.
type Ignored struct {
	Pattern string `yaml:"pattern"`
	Reason  string `yaml:"reason"`
}

// Names are the patterns whose findings do not count.
func (c Console) Names() (names []string) {
	for _, i := range c.Ignore {
		names = append(names, i.Pattern)
	}
	return names
}

// The tests that each run has, whatever its plan says.
const (
	Boot          = "boot"    // the guest starts and answers
	ConsoleIsGood = "console" // nothing on its console is a failure
)

// Test is checks under one name. It holds when all of them hold.
type Test struct {
	Name    string        `yaml:"name"`
	Timeout time.Duration `yaml:"timeout"`
	Changes bool          `yaml:"changes"` // it changes the guest, and gets one of its own

	Kernel      *check.Kernel      `yaml:"kernel"`
	System      *check.System      `yaml:"system"`
	FailedUnits *check.FailedUnits `yaml:"failed-units"`
	Services    check.Services     `yaml:"services"`
	Port        *check.Port        `yaml:"port"`
	Files       check.Files        `yaml:"files"`
	Run         *check.Run         `yaml:"run"`
	Packages    *check.Packages    `yaml:"packages"`
	Users       check.Users        `yaml:"users"`
	Sockets     check.Sockets      `yaml:"sockets"`

	Reboot  *Reboot  `yaml:"reboot"`
	Upgrade *Upgrade `yaml:"upgrade"`

	line int
}

// Checks are what the test looks at, in the order of this list.
func (t *Test) Checks() []check.Check {
	all := []check.Check{
		t.System, t.Kernel, t.FailedUnits, t.Services, t.Port, t.Files, t.Users, t.Sockets, t.Packages, t.Run,
	}
	return slices.DeleteFunc(all, func(c check.Check) bool { return reflect.ValueOf(c).IsNil() })
}

// Alone says whether the test changes the guest, so that no other may share it.
func (t *Test) Alone() bool { return t.Changes || t.Reboot != nil || t.Upgrade != nil }

// Boots is how many boots the test takes of itself.
func (t *Test) Boots() int {
	boots := 0
	if t.Reboot != nil {
		boots++
	}
	if t.Upgrade != nil {
		boots += 4 // the previous one, the new one to ask its version, and a reboot each way
	}
	return boots
}

// Reboot lets the guest reboot. A file that was written before has to be there afterwards.
type Reboot struct {
	Then      []string `yaml:"then"`      // tests that hold after it
	Stateless bool     `yaml:"stateless"` // the guest forgets its files, as a live system does
}

// Upgrade boots the previous guest, with this one's disk attached as a second one (its
// serial is slipway-new), upgrades it, and rolls it back. Which version is meant by new
// and old is what Version prints in this guest, and in the previous one.
type Upgrade struct {
	Version  []string `yaml:"version"`  // program that prints the version of the guest
	Command  []string `yaml:"command"`  // upgrades; a reboot follows
	Then     []string `yaml:"then"`     // tests that hold after it
	Rollback []string `yaml:"rollback"` // goes back; a reboot follows
}

// Deadline is how long a test may take: its own limit, or the plan's and the boots that
// it needs beyond a test's usual work.
func (p *Plan) Deadline(t *Test) time.Duration {
	if t.Timeout > 0 {
		return t.Timeout
	}
	return p.Timeout + time.Duration(t.Boots())*p.Machine.Boot
}

// Test returns the test of a name, or nil.
func (p *Plan) Test(name string) *Test {
	for i := range p.Tests {
		if p.Tests[i].Name == name {
			return &p.Tests[i]
		}
	}
	return nil
}

// Upgrades says whether a test of the plan needs the previous guest.
func (p *Plan) Upgrades() bool {
	return slices.ContainsFunc(p.Tests, func(t Test) bool { return t.Upgrade != nil })
}
