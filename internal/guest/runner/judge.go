package runner

import (
	"fmt"
	"strings"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/console"
	"slipway.dev/slipway/internal/guest/plan"
)

// judge says how a test ended by its attempts, of which only the last may have passed,
// and by its entry in the denylist: one that counts, or one that did until it expired.
func judge(attempts []attempt, entry, expired *plan.Denied) guest.TestResult {
	last := attempts[len(attempts)-1]
	result := guest.TestResult{Status: guest.Passed, Detail: details(attempts)}
	for _, a := range attempts {
		result.Time += a.time
		result.Files = append(result.Files, a.files...)
	}
	switch failed := len(last.problems) > 0; {
	case failed && entry != nil:
		result.Status, result.Reason = guest.Denied, entry.String()
	case failed:
		result.Status, result.Reason = guest.Failed, first(last.problems)
		if expired != nil {
			result.Reason += fmt.Sprintf("; its denylist entry expired on %s (%s)", expired.Expires, expired.Tracker)
		}
	case entry != nil:
		result.Status = guest.Revived
		result.Reason = fmt.Sprintf("passes again, remove its entry from the denylist: %s", entry)
	case len(attempts) > 1:
		result.Status = guest.Flaky
		result.Reason = "passed on a fresh machine; before: " + first(attempts[0].problems)
	case expired != nil:
		result.Reason = fmt.Sprintf("passes, and its denylist entry expired on %s: remove it", expired.Expires)
	}
	return result
}

// first is the first problem, and how many more there are.
func first(problems []string) string {
	line := oneLine(problems[0])
	if more := len(problems) - 1; more > 0 {
		line += fmt.Sprintf(" (and %d more)", more)
	}
	return line
}

// details is what all attempts saw that failed.
func details(attempts []attempt) string {
	var lines []string
	for i, a := range attempts {
		if len(a.problems) == 0 {
			continue
		}
		head := fmt.Sprintf("attempt %d", i+1)
		if a.machine != "" {
			head += " on machine " + a.machine
		}
		if len(a.after) > 0 {
			head += ", after " + strings.Join(a.after, ", ")
		}
		lines = append(lines, head+":")
		for _, problem := range a.problems {
			lines = append(lines, "  "+problem)
		}
	}
	return strings.Join(lines, "\n")
}

// describe is a finding of a console with the lines around it.
func describe(machine string, f console.Finding, counted bool) string {
	lines := []string{fmt.Sprintf("%s: %s (%s, %d times): %s", machine, f.Pattern, f.Severity, f.Count, f.Means)}
	if f.Severity.Bad() && !counted {
		lines[0] += "; it does not count here"
	}
	for _, match := range f.Matches {
		for _, line := range match.Before {
			lines = append(lines, "    "+line)
		}
		lines = append(lines, "  > "+match.Line)
		for _, line := range match.After {
			lines = append(lines, "    "+line)
		}
	}
	return strings.Join(lines, "\n")
}
