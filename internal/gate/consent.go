package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/channel"
)

// Said is one thing that one person said of a plan.
type Said struct {
	Who    string
	At     time.Time
	Key    string // of the statement in the store, or the signed tag
	Reason string // of a hold and of an override
	Group  string // in whose name an override is
}

// Consent is what is known of what people said of a plan.
type Consent struct {
	Now       time.Time
	Err       error               // statements that cannot be trusted
	Person    func(string) string // one name for all names of a person; nil is the name in lower case
	Plan      string              // its hash
	Requester string              // whose own approval does not count
	Asked     []Said              // who asked for the plan: nor do theirs
	Given     []Said              // approvals
	Holds     []Said
	Overrides []Said    // of freezes
	Notes     []string  // statements that did not count, and why
	Spent     time.Time // when the channel last came to hold the digest: what was said before that was for then
}

// Check judges whether enough people approve.
func (c Consent) Check(a channel.Approvals) Requirement {
	r := Requirement{Name: "approvals"}
	if c.Err != nil {
		r.Why = c.Err.Error()
		return r
	}
	var who []string
	for _, approval := range c.Given {
		name := c.person(approval.Who)
		switch {
		case approval.At.After(c.Now.Add(Skew)):
			c.Notes = append(c.Notes, name+" approved at "+approval.At.UTC().Format(time.RFC3339)+", in the future")
		case c.spent(approval):
			c.Notes = append(c.Notes, name+" approved an earlier move")
		case c.asked(name):
			c.Notes = append(c.Notes, name+" asked for it")
		case !slices.Contains(who, name):
			who = append(who, name)
			r.Keys = append(r.Keys, approval.Key)
		}
	}
	r.Met = len(who) >= a.Count && a.Count > 0
	r.Why = fmt.Sprintf("%d of %d", len(who), a.Count)
	if len(who) > 0 {
		r.Why += ": " + strings.Join(who, ", ")
	}
	if !r.Met {
		r.Why = strings.Join(append([]string{r.Why + "; people approve the plan " + c.Plan}, c.Notes...), "; ")
	}
	return r
}

func (c Consent) person(name string) string {
	if c.Person == nil {
		return strings.ToLower(name)
	}
	return c.Person(name)
}

func (c Consent) spent(s Said) bool { return !c.Spent.IsZero() && !s.At.After(c.Spent) }

// asked says whether the person asked for this move of the plan.
func (c Consent) asked(person string) bool {
	return c.Requester != "" && person == c.person(c.Requester) || slices.ContainsFunc(c.Asked, func(s Said) bool {
		return person == c.person(s.Who) && !c.spent(s)
	})
}

// Held is that somebody holds the plan back: nothing if nobody does.
func (c Consent) Held() []Requirement {
	var all []Requirement
	for _, h := range c.Holds {
		all = append(all, Requirement{Name: "hold", Why: fmt.Sprintf("%s holds it since %s: %s", c.person(h.Who), h.At.UTC().Format(time.RFC3339), h.Reason)})
	}
	return all
}

// Thaw judges the freezes that Check found again, by who overrides them.
func (c Consent) Thaw(g channel.Gate, all []Requirement) []Requirement {
	isFreeze := func(r Requirement) bool { return r.Name == freeze }
	if !slices.ContainsFunc(all, isFreeze) {
		return all
	}
	stands := slices.DeleteFunc(slices.Clone(c.Overrides), c.spent)
	return append(slices.DeleteFunc(slices.Clone(all), isFreeze), freezes(g.Freeze, c.Now, stands)...)
}

const freeze = "freeze"

// freezes is that no freeze covers the moment, or that each that does is overridden.
func freezes(all []channel.Freeze, now time.Time, overrides []Said) (found []Requirement) {
	for _, f := range all {
		if begin, end, frozen := f.Span(now); frozen {
			found = append(found, frozenBy(f, begin, end, now, overrides))
		}
	}
	return found
}

// frozenBy is one freeze. An override is for the freeze in which it was said, by the
// people whom that freeze names.
func frozenBy(f channel.Freeze, begin, end, now time.Time, overrides []Said) Requirement {
	r := Requirement{Name: freeze, Why: fmt.Sprintf("%s, until %s", f.Reason, end.UTC().Format(time.RFC3339))}
	if f.Override == "" {
		return r
	}
	i := slices.IndexFunc(overrides, func(o Said) bool {
		return o.Group == f.Override && !o.At.Before(begin) && !o.At.After(now.Add(Skew))
	})
	if i < 0 {
		r.Why += "; " + f.Override + " may override it"
		return r
	}
	by := overrides[i]
	r.Met, r.Keys = true, []string{by.Key}
	r.Why += fmt.Sprintf("; overridden by %s for %s: %s", by.Who, f.Override, by.Reason)
	return r
}
