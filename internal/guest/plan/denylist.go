package plan

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Denylist is the tests that are known to fail. They run all the same: a test that passes
// again announces itself, and an entry that expired no longer counts.
type Denylist struct {
	Deny []Denied `yaml:"deny"`
}

// Denied is an entry of a denylist. Without a firmware or a track it is for all of them.
type Denied struct {
	Test     string `yaml:"test"`    // pattern of names, as in sshd-*
	Tracker  string `yaml:"tracker"` // URL of who works on it
	Expires  Day    `yaml:"expires"` // the last day on which it counts
	Reason   string `yaml:"reason"`
	Firmware string `yaml:"firmware"`
	Track    string `yaml:"track"`
}

// Direct is the firmware of a guest whose kernel is started without any.
const Direct = "direct"

// Where is where a run takes place, as entries of a denylist tell apart.
type Where struct {
	Firmware, Track string
	Now             time.Time
}

// LoadDenylist reads the denylist of a plan and checks all of it.
func LoadDenylist(file string, p *Plan, now time.Time) (*Denylist, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the denylist: %w", err)
	}
	return ParseDenylist(file, data, p, now)
}

// ParseDenylist is LoadDenylist of bytes; file is their name, for errors.
func ParseDenylist(file string, data []byte, p *Plan, now time.Time) (*Denylist, error) {
	var d Denylist
	if err := decode(file, data, &d); err != nil {
		return nil, err
	}
	where := lines(data, "deny")
	var problems []string
	for i, entry := range d.Deny {
		line := 0
		if i < len(where) {
			line = where[i]
		}
		for _, problem := range entry.check(p, now) {
			problems = append(problems, fmt.Sprintf("line %d: entry of test %q: %s", line, entry.Test, problem))
		}
	}
	if err := joined(file, problems); err != nil {
		return nil, err
	}
	return &d, nil
}

// check says what is wrong with an entry.
func (d Denied) check(p *Plan, now time.Time) []string {
	var problems []string
	if _, err := path.Match(d.Test, ""); err != nil || d.Test == "" {
		problems = append(problems, "test: want a name or a pattern, as in sshd-*")
	} else if !d.names(p) {
		problems = append(problems, fmt.Sprintf("plan %s has no such test: mend the name, or remove the entry", p.Name))
	}
	if tracker, err := url.Parse(d.Tracker); err != nil || tracker.Host == "" || tracker.Scheme != "https" && tracker.Scheme != "http" {
		problems = append(problems, fmt.Sprintf("tracker %q: want the URL of an issue that somebody works on", d.Tracker))
	}
	if strings.TrimSpace(d.Reason) == "" {
		problems = append(problems, "reason: say in a line why it fails")
	}
	if !slices.Contains([]string{"", "uefi", "bios", Direct}, d.Firmware) {
		problems = append(problems, fmt.Sprintf("firmware %q: want uefi, bios or %s", d.Firmware, Direct))
	}
	switch year := dayOf(now).AddDate(1, 0, 0); {
	case d.Expires.IsZero():
		problems = append(problems, fmt.Sprintf("expires: want a day within a year, as in %s", dayOf(now).AddDate(0, 3, 0).Format(time.DateOnly)))
	case d.Expires.After(year):
		problems = append(problems, fmt.Sprintf("expires %s: want a day within a year: until %s", d.Expires, year.Format(time.DateOnly)))
	}
	return problems
}

// names says whether the entry is for a test that a run of the plan can have. The boot is
// none: without it there is nothing to test.
func (d Denied) names(p *Plan) bool {
	if ok, _ := path.Match(d.Test, ConsoleIsGood); ok { // check saw that it is a pattern
		return true
	}
	for _, t := range p.Tests {
		if ok, _ := path.Match(d.Test, t.Name); ok {
			return true
		}
	}
	return false
}

// For returns the entry that counts for a test, or nil; and if there is none, one that
// did until it expired. A nil list has no entries.
func (d *Denylist) For(test string, w Where) (entry, expired *Denied) {
	if d == nil || test == Boot {
		return nil, nil
	}
	for i := range d.Deny {
		e := &d.Deny[i]
		if ok, _ := path.Match(e.Test, test); !ok || e.Firmware != "" && e.Firmware != w.Firmware || e.Track != "" && e.Track != w.Track {
			continue
		}
		if !dayOf(w.Now).After(e.Expires.Time) {
			return e, nil
		}
		expired = e
	}
	return nil, expired
}

// String is the entry in a line.
func (d *Denied) String() string {
	return fmt.Sprintf("%s (%s, until %s)", d.Reason, d.Tracker, d.Expires)
}
