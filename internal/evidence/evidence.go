// Package evidence keeps signed statements that an artifact passed or failed a test.
//
// The truth lies in the store: under the artifact's digest and the test's name, one
// object for each time that the test ended, created once and never changed. The
// newest result by an accepted signer decides, so a later failure takes back what an
// earlier pass allowed. An object that does not fit its name, such as another
// artifact's evidence copied here, is an error for all that read the test's folder:
// skipping it would let whoever can write to the store choose what is seen.
package evidence

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"slipway.dev/slipway/internal/evidence/filed"
	"slipway.dev/slipway/internal/signing/intoto"
)

// Outcome is how a test ended.
type Outcome string

// The outcomes. Warned is a pass with something that somebody should look at.
const (
	Passed Outcome = "passed"
	Failed Outcome = "failed"
	Warned Outcome = "warned"
)

// ParseOutcome reads pass, passed, fail, failed, warn or warned.
func ParseOutcome(text string) (Outcome, error) {
	switch text {
	case "pass", "passed":
		return Passed, nil
	case "fail", "failed":
		return Failed, nil
	case "warn", "warned":
		return Warned, nil
	}
	return "", fmt.Errorf("%q is no result; write pass, fail or warn", text)
}

// Result says how one test of some artifacts ended.
type Result struct {
	Test     string    `json:"test"`
	Outcome  Outcome   `json:"result"`
	Finished time.Time `json:"finished"` // by the second, in UTC
	Log      string    `json:"log"`      // a URL; may be empty
	Subjects []Subject `json:"subjects"`
	Passed   []string  `json:"passed,omitempty"` // names of the single cases, where they are known
	Warned   []string  `json:"warned,omitempty"`
	Failed   []string  `json:"failed,omitempty"`
}

// Subject is an artifact that was tested.
type Subject struct {
	Name   string `json:"name"`   // for people
	Digest string `json:"digest"` // sha256:HEX
}

// DamagedError is an object whose name and content do not belong together.
type DamagedError = filed.DamagedError

// testName fits into one element of a key, and into a sentence.
var testName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// CheckTest says why a test cannot have a name.
func CheckTest(name string) error {
	if !testName.MatchString(name) {
		return fmt.Errorf("%q is no name of a test; use letters, digits, dots, dashes and underscores, at most 100", name)
	}
	return nil
}

// check says what is wrong with a result, whoever made it.
func (r Result) check() error {
	if err := CheckTest(r.Test); err != nil {
		return err
	}
	if _, known := outcomes[r.Outcome]; !known {
		return fmt.Errorf("result %q of test %s is none of passed, failed and warned", r.Outcome, r.Test)
	}
	if year := r.Finished.Year(); year < 2000 || year > 9999 {
		return fmt.Errorf("test %s ended in the year %d", r.Test, year)
	}
	if !r.Finished.Equal(r.Finished.Truncate(time.Second)) {
		return fmt.Errorf("test %s ended within a second; truncate its time", r.Test)
	}
	if r.Outcome != Failed && len(r.Failed) > 0 {
		return fmt.Errorf("test %s %s, and yet its case %q failed", r.Test, r.Outcome, r.Failed[0])
	}
	return errors.Join(checkLog(r.Log), r.checkTexts())
}

func checkLog(log string) error {
	if log == "" {
		return nil
	}
	u, err := url.Parse(log)
	if err != nil || u.Scheme == "" || u.User != nil {
		return errors.New("the log's URL is none, or holds a password; give a whole URL that others can open")
	}
	return nil
}

func (r Result) checkTexts() error {
	for _, list := range [][]string{{r.Log}, r.Passed, r.Warned, r.Failed} {
		for _, text := range list {
			if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
				return fmt.Errorf("%q holds control characters or is no UTF-8", text)
			}
		}
	}
	for _, subject := range r.Subjects {
		if subject.Name == "" || !utf8.ValidString(subject.Name) || strings.ContainsFunc(subject.Name, unicode.IsControl) {
			return fmt.Errorf("%q cannot be a subject's name", subject.Name)
		}
		if _, err := intoto.Hex(subject.Digest); err != nil {
			return fmt.Errorf("subject %s: %w", subject.Name, err)
		}
	}
	return nil
}
