// Package configcheck holds config/ and jobs/ of a checkout to the project's rules.
//
// Prow's loader and Prow's checkconfig say whether Prow understands a configuration.
// They do not say whether it is safe and sound: that no presubmit holds a secret, that
// no pushed tag moves a channel, that each job has an owner and an image that exists.
// Each of these is a rule of one table, with its reason; all findings come at once,
// and each says what to do.
package configcheck

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Finding is one thing that is wrong.
type Finding struct {
	File    string `json:"file"`          // from the checkout's root
	Job     string `json:"job,omitempty"` // that it is about; empty if it is about no job
	Rule    string `json:"rule"`
	Problem string `json:"problem"`
	Cure    string `json:"cure"`
}

func (f Finding) String() string {
	text := f.File
	if f.Job != "" {
		text += ": " + f.Job
	}
	return fmt.Sprintf("%s: %s; %s (%s)", text, f.Problem, f.Cure, f.Rule)
}

// Report is what a check found.
type Report struct {
	Jobs     int       `json:"jobs"`  // that were looked at
	Rules    int       `json:"rules"` // that they were held to
	Findings []Finding `json:"findings"`
	Unseen   []string  `json:"unseen,omitempty"` // what could not be looked at, and how it can be
}

// Options say what to check.
type Options struct {
	Checkout string            // of the configuration repository
	Folders  map[string]string // checkouts of other repositories, by ORG/NAME
	// Generated makes the files that config/ decides, by their path from the checkout's
	// root. nil is that there are none.
	Generated func(ctx context.Context, checkout string) (map[string][]byte, error)
}

// The names of what may go wrong before any rule can be asked.
const (
	ruleLoads = "loads"     // Prow, or we, cannot read it
	RuleProw  = "prow-says" // Prow's own checkconfig has something against it
)

// Check loads the configuration and holds it to all rules. An error is that it could
// not be looked at; what is wrong with it is in the report.
func Check(ctx context.Context, o Options) (Report, error) {
	t, report, err := load(ctx, o)
	if err != nil || t == nil {
		return report, err
	}
	report.Jobs, report.Rules = len(t.jobs), len(rules)
	for _, r := range rules {
		for _, f := range r.check(t) {
			f.Rule = r.name
			report.Findings = append(report.Findings, f)
		}
	}
	report.Unseen = append(report.Unseen, t.unseen...)
	Sort(report.Findings)
	return report, nil
}

// Sort puts findings by file, job and rule.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Job, b.Job), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Problem, b.Problem))
	})
}

// Rule is a rule as people read it.
type Rule struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Rules lists all rules.
func Rules() []Rule {
	list := make([]Rule, 0, len(rules))
	for _, r := range rules {
		list = append(list, Rule{r.name, r.why})
	}
	return list
}
