package importer

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"slipway.dev/slipway/internal/evidence"
)

var (
	tapVersion = regexp.MustCompile(`^TAP version (\d+)\s*$`)
	tapPlan    = regexp.MustCompile(`^1\.\.(\d+)\s*(?:#.*)?$`)
	tapTest    = regexp.MustCompile(`^(not )?ok\b\s*(\d+)?\s*(?:- )?(.*)$`)
	tapBail    = regexp.MustCompile(`^Bail out!\s*(.*)$`)
	tapWord    = regexp.MustCompile(`(?i)(?:^|[^\\])#\s*(todo|skip)`) // a directive behind the description
)

// tap is a TAP stream as far as it was read.
type tap struct {
	report Report
	plan   int // number of tests announced, or -1
	last   int // number of the last test
	seen   map[int]bool
}

// TAP reads the Test Anything Protocol, versions 12 to 14, which does not tell when the
// tests ended. A stream without a plan, with fewer tests or others than planned, or
// with a bail-out, failed. Lines that TAP does not know, and subtests, count by the
// test that they belong to.
func TAP(data []byte) (Report, error) {
	t := tap{plan: -1, seen: map[int]bool{}}
	for line := range strings.Lines(string(data)) {
		if err := t.read(strings.TrimRight(line, "\r\n")); err != nil {
			return Report{}, fmt.Errorf("read TAP: %w", err)
		}
	}
	if t.plan < 0 && t.last == 0 && len(t.report.Failed) == 0 {
		return Report{}, errors.New("read TAP: there is neither a plan nor a test in it")
	}
	t.checkPlan()
	return t.report.conclude(), nil
}

func (t *tap) read(line string) error {
	if m := tapVersion.FindStringSubmatch(line); m != nil {
		if m[1] != "12" && m[1] != "13" && m[1] != "14" {
			return fmt.Errorf("version %s is none that we know", m[1])
		}
		return nil
	}
	if m := tapPlan.FindStringSubmatch(line); m != nil {
		return t.announce(m[1])
	}
	if m := tapBail.FindStringSubmatch(line); m != nil {
		t.report.add("Bail out! "+m[1], evidence.Failed)
		return nil
	}
	if m := tapTest.FindStringSubmatch(line); m != nil {
		return t.test(m[1] == "", m[2], m[3])
	}
	return nil
}

func (t *tap) announce(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || t.plan >= 0 {
		return fmt.Errorf("the plan 1..%s is too large, or the second one", text)
	}
	t.plan = n
	return nil
}

func (t *tap) test(ok bool, number, description string) error {
	n := t.last + 1
	if number != "" {
		var err error
		if n, err = strconv.Atoi(number); err != nil {
			return fmt.Errorf("test number %s is too large", number)
		}
	}
	if n == 0 || t.seen[n] {
		return fmt.Errorf("test number %d stands there twice, or is 0", n)
	}
	t.seen[n], t.last = true, n
	directive := ""
	if at := tapWord.FindStringSubmatchIndex(description); at != nil {
		directive = strings.ToLower(description[at[2]:at[3]])
		description = strings.TrimRight(description[:at[0]+1], " #")
	}
	if description = strings.ReplaceAll(description, `\#`, "#"); description == "" {
		description = fmt.Sprintf("test %d", n)
	}
	t.report.add(description, tapOutcome(ok, directive))
	return nil
}

// tapOutcome is a warning for a failure that was expected, and none for a skipped test.
func tapOutcome(ok bool, directive string) evidence.Outcome {
	switch {
	case ok && directive == "skip":
		return ""
	case ok:
		return evidence.Passed
	case directive == "todo":
		return evidence.Warned
	}
	return evidence.Failed
}

// checkPlan adds what is missing from the stream as failures.
func (t *tap) checkPlan() {
	if t.plan < 0 {
		t.report.add("plan (there is none: the tests may have died)", evidence.Failed)
		return
	}
	complete := len(t.seen) == t.plan
	for n := range t.seen {
		complete = complete && n <= t.plan
	}
	if !complete {
		t.report.add(fmt.Sprintf("plan (1..%d, but %d tests ran)", t.plan, len(t.seen)), evidence.Failed)
	}
}
