// Package importer reads what test runners write, to make evidence of it.
//
// A report counts as a pass only if it says so in full: it is well-formed, it ended,
// something in it passed and nothing failed. A report that holds no test, or lacks
// some that it announced, is a failure; what is no report of the format at all is an
// error. Names of tests that were skipped appear nowhere: nobody knows of them.
package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	strictjson "sigs.k8s.io/json"

	"slipway.dev/slipway/internal/evidence"
)

// MaxSize is the size of the largest report that is worth reading, in bytes.
const MaxSize = 64 << 20

// Report is what a test runner said.
type Report struct {
	Outcome  evidence.Outcome
	Finished time.Time // zero if the format does not tell
	Passed   []string
	Warned   []string
	Failed   []string
}

// conclude sets the outcome by the single tests.
func (r Report) conclude() Report {
	switch {
	case len(r.Failed) > 0 || len(r.Passed)+len(r.Warned) == 0:
		r.Outcome = evidence.Failed
	case len(r.Warned) > 0:
		r.Outcome = evidence.Warned
	default:
		r.Outcome = evidence.Passed
	}
	return r
}

// add files a test's name under its outcome; no outcome is a test that was skipped.
func (r *Report) add(name string, outcome evidence.Outcome) {
	switch name = clean(name); outcome {
	case evidence.Passed:
		r.Passed = append(r.Passed, name)
	case evidence.Warned:
		r.Warned = append(r.Warned, name)
	case evidence.Failed:
		r.Failed = append(r.Failed, name)
	}
}

// clean makes a name of what a test runner printed: statements hold no control
// characters, and no test is nameless.
func clean(name string) string {
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(name, "\ufffd")))
	if name == "" {
		return "(no name)"
	}
	return name
}

// seconds drops what evidence does not hold of a time.
func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// unmarshal reads one JSON value. Fields that we do not know are the runner's own
// business; a field twice is nobody's.
func unmarshal(data []byte, into any) error {
	if !json.Valid(data) {
		return errors.New("it is no JSON, or cut short")
	}
	twice, err := strictjson.UnmarshalStrict(data, into, strictjson.DisallowDuplicateFields)
	if err != nil {
		return err
	}
	if err := errors.Join(twice...); err != nil {
		return fmt.Errorf("it means two things: %w", err)
	}
	return nil
}
