// Package gate judges whether a digest may enter a channel.
//
// It is a pure function of what the channel requires and what is known: no clock, no
// store, no signature is looked at here. Each thing that is required gives one line
// that says whether it is met and why, and what would meet it.
package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/ledger"
)

// Facts is what is known of a digest on its way into a channel.
type Facts struct {
	Now      time.Time
	Digest   string
	Rollback bool              // back to what the channel held before
	Source   ledger.Line       // of the channel that it comes from
	Target   ledger.Line       // of the channel itself
	Results  map[string]Result // newest verified result, by test
}

// Result is what the newest evidence of a test says.
type Result struct {
	Err      error // evidence that cannot be trusted: it closes the gate
	Found    bool
	Passed   bool
	Finished time.Time
	Log      string
	Signer   string
	Disks    []string // digests of the other subjects
	Key      string   // of the evidence in the store
	Notes    []string // newer statements that did not count, and why
}

// Requirement is one thing that a gate requires.
type Requirement struct {
	Name string   `json:"name"` // "test boot", "approvals", "order", "soak", "freeze", "barred"
	Met  bool     `json:"met"`
	Why  string   `json:"why"`
	Keys []string `json:"evidence,omitempty"` // what it stands on, in the store
}

// Met says whether all are met. Nothing required is never met.
func Met(all []Requirement) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(r Requirement) bool { return !r.Met })
}

// Skew is how far in the future the clock of who signed evidence may be.
const Skew = 5 * time.Minute

// Check judges everything that the channel requires of the digest but the approvals,
// which are for a whole plan.
func Check(ch channel.Channel, f Facts) []Requirement {
	var all []Requirement
	for _, t := range ch.Gate.Tests {
		all = append(all, f.test(t))
	}
	all = append(all, f.disk(ch.Gate.Tests)...)
	if len(all) == 0 && ch.Gate.Approvals == nil { // no configuration has such a channel
		return []Requirement{{Name: "gate", Why: "it requires nothing, so nothing may pass"}}
	}
	if f.Rollback {
		all = append(all, f.before())
	} else {
		all = append(all, f.order(ch)...)
		all = append(all, freezes(ch.Gate.Freeze, f.Now, nil)...)
	}
	return append(all, f.barred()...)
}

func (f Facts) test(t channel.Test) Requirement {
	r := Requirement{Name: "test " + t.Name}
	result := f.Results[t.Name]
	age := f.Now.Sub(result.Finished)
	when := result.Finished.UTC().Format(time.RFC3339)
	switch {
	case result.Err != nil:
		r.Why = result.Err.Error()
	case !result.Found:
		r.Why = fmt.Sprintf("no result signed by %s; the test's job adds it, or `slipway evidence add %s --test %s`", strings.Join(t.Signers, " or "), f.Digest, t.Name)
	case !result.Passed:
		r.Why = fmt.Sprintf("did not pass at %s, see %s", when, result.Log)
	case age < -Skew:
		r.Why = fmt.Sprintf("is dated %s, in the future; set the clock of %s and test again", when, result.Signer)
	case t.Fresh > 0 && age > time.Duration(t.Fresh) && !f.Rollback:
		r.Why = fmt.Sprintf("passed at %s, more than %s ago; test again", when, t.Fresh)
	default:
		r.Met, r.Why = true, fmt.Sprintf("passed at %s, signed by %s", when, result.Signer)
	}
	if len(result.Notes) > 0 {
		r.Why += " (" + strings.Join(result.Notes, "; ") + ")"
	}
	if result.Key != "" {
		r.Keys = []string{result.Key}
	}
	return r
}

// disk requires that all tests of the disk took one and the same.
func (f Facts) disk(tests []channel.Test) []Requirement {
	var common, took []string
	for _, t := range tests {
		result := f.Results[t.Name]
		if !t.Disk || !result.Found {
			continue
		}
		if took = append(took, t.Name); len(took) == 1 {
			common = result.Disks
			continue
		}
		common = slices.DeleteFunc(slices.Clone(common), func(d string) bool { return !slices.Contains(result.Disks, d) })
	}
	switch {
	case len(took) == 0:
		return nil
	case len(common) == 0:
		return []Requirement{{Name: "disk", Why: "the results of " + strings.Join(took, ", ") + " name no disk in common; test one disk with all of them"}}
	}
	return []Requirement{{Name: "disk", Met: true, Why: strings.Join(took, ", ") + " took " + strings.Join(common, ", ")}}
}

// order is that the channel before holds the digest, and held it long enough.
func (f Facts) order(ch channel.Channel) []Requirement {
	if ch.From == "" {
		return nil
	}
	since, until, ok := f.stay(ch.Order == channel.OrderHeld)
	if !ok {
		holds, _ := f.Source.Holds()
		if holds == "" {
			holds = "nothing"
		}
		return []Requirement{{Name: "order", Why: fmt.Sprintf("%s holds %s; promote into it first", f.Source.Channel, holds)}}
	}
	all := []Requirement{{Name: "order", Met: true, Why: fmt.Sprintf("%s has it since %s", f.Source.Channel, since.UTC().Format(time.RFC3339))}}
	if !until.IsZero() {
		all[0].Why = fmt.Sprintf("%s had it from %s to %s", f.Source.Channel, since.UTC().Format(time.RFC3339), until.UTC().Format(time.RFC3339))
	}
	if ch.Gate.Soak > 0 {
		all = append(all, f.soak(time.Duration(ch.Gate.Soak), since, until))
	}
	return all
}

// soak is that the source has, or had, the digest for so long.
func (f Facts) soak(long time.Duration, since, until time.Time) Requirement {
	if !until.IsZero() {
		return Requirement{Name: "soak", Met: until.Sub(since) >= long, Why: fmt.Sprintf("%s of %s in %s", until.Sub(since).Round(time.Second), long, f.Source.Channel)}
	}
	end := since.Add(long)
	return Requirement{Name: "soak", Met: !f.Now.Before(end), Why: fmt.Sprintf("%s in %s ends %s", long, f.Source.Channel, end.UTC().Format(time.RFC3339))}
}

// stay is since when the source holds the digest; or, where that is enough, from when
// until when it held it last.
func (f Facts) stay(held bool) (since, until time.Time, ok bool) {
	if digest, since := f.Source.Holds(); digest == f.Digest {
		return since, time.Time{}, true
	}
	stays := f.Source.Stays()
	for i, stay := range slices.Backward(stays) {
		if held && stay.Done.Digest == f.Digest {
			return stay.Done.Time, stays[i+1].Done.Time, true
		}
	}
	return time.Time{}, time.Time{}, false
}

// before is what a rollback needs instead of an order: its way was gone once.
func (f Facts) before() Requirement {
	stays := f.Target.Stays()
	for i, stay := range slices.Backward(stays) {
		if stay.Done.Digest == f.Digest {
			if i+1 < len(stays) && stays[i+1].Intent.Rollback {
				return Requirement{Name: "held before", Why: fmt.Sprintf("%s was rolled back from it; promote it instead, once it is better", f.Target.Channel)}
			}
			return Requirement{Name: "held before", Met: true, Why: fmt.Sprintf("%s held it at %s", f.Target.Channel, stay.Done.Time.UTC().Format(time.RFC3339))}
		}
	}
	return Requirement{Name: "held before", Why: fmt.Sprintf("%s never held it; a rollback goes to what `slipway channel history` shows", f.Target.Channel)}
}

func (f Facts) barred() []Requirement {
	for _, line := range []ledger.Line{f.Target, f.Source} {
		if by, barred := line.Barred(f.Digest); barred {
			return []Requirement{{Name: "barred", Why: fmt.Sprintf("%s was rolled back from it at %s by %s (%s); `slipway channel lift %s %s` lets it back",
				line.Channel, by.Time.UTC().Format(time.RFC3339), by.Who, by.Why, line.Channel, f.Digest)}}
		}
	}
	return nil
}
