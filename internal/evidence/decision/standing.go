package decision

import "slices"

// Standing is what holds of the decisions about a plan, oldest first.
type Standing struct {
	Requests  []Verified // that were not withdrawn
	Approvals []Verified // since the last withdrawal, as often as somebody gave theirs
	Holds     []Verified // that were not released
	Overrides []Verified // since the last withdrawal
}

// Stand folds decisions in the order in which they were made. What is asked for again
// after a withdrawal has the same plan, and is approved again.
func Stand(all []Verified) (s Standing) {
	for _, v := range all {
		switch v.Kind {
		case Request:
			s.Requests = append(s.Requests, v)
		case Withdraw:
			s.Requests = slices.DeleteFunc(s.Requests, func(r Verified) bool { return r.Comment == v.Of })
			s.Approvals, s.Overrides = nil, nil
		case Approve:
			s.Approvals = append(s.Approvals, v)
		case Hold:
			s.Holds = append(s.Holds, v)
		case Release:
			s.Holds = nil
		case Override:
			s.Overrides = append(s.Overrides, v)
		}
	}
	return s
}
