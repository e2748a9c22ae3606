package report

import (
	"strings"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/junit"
)

// JUnit is the suites' results as JUnit has them. Spyglass shows of a test that passed only
// its name, and counts a test with two results as flaky while evidence counts the failure;
// so what somebody should look at is a skipped case of its own, beside the one that passed.
func JUnit(suites []Suite) []junit.Suite {
	var out []junit.Suite
	for _, s := range suites {
		suite := junit.Suite{Name: s.Name}
		for _, test := range s.Run.Tests {
			suite.Cases = append(suite.Cases, cases(s.Name, test)...)
		}
		out = append(out, suite)
	}
	return out
}

// remarks are added to the names of the cases that say more of a test that passed.
var remarks = map[guest.Status]string{
	guest.Flaky:   " (flaky: passed when it ran again)",
	guest.Revived: " (passes again: remove its denylist entry)",
}

func cases(class string, test guest.TestResult) []junit.Case {
	said := &junit.Message{Line: test.Reason, Text: text(test)}
	c := junit.Case{Name: test.Name, Class: class, Time: test.Time}
	switch test.Status {
	case guest.Passed:
		c.Output = text(test)
	case guest.Flaky, guest.Revived:
		c.Output = text(test)
		return []junit.Case{c, {Name: test.Name + remarks[test.Status], Class: class, Skipped: said}}
	case guest.Denied, guest.Skipped:
		c.Skipped = said
	default: // a status that is not known is no pass
		c.Failure = said
	}
	return []junit.Case{c}
}

// text is all that is known of how a test ended.
func text(test guest.TestResult) string {
	lines := []string{}
	if test.Status != guest.Passed && test.Reason != "" {
		lines = append(lines, test.Reason)
	}
	if test.Detail != "" {
		lines = append(lines, cut(test.Detail, maxDetail))
	}
	if len(test.Files) > 0 {
		lines = append(lines, "files: "+strings.Join(test.Files, " "))
	}
	return strings.Join(lines, "\n")
}
