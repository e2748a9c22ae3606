// Package tast runs ChromeOS's test runner, tast, and reads what it writes.
//
// A run passed only if it says so in full: it ended, each test that was to run has a
// result that began and ended without errors, and at least one was not skipped. What is
// missing is a failure: tast exits with 0 when tests fail, and leaves half a stream when
// it dies.
package tast

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	strictjson "sigs.k8s.io/json"
)

// Result is how one test ended: an element of results.json, a line of streamed_results.jsonl.
type Result struct {
	Name       string        `json:"name"`
	Pkg        string        `json:"pkg"`
	Desc       string        `json:"desc"`
	Timeout    time.Duration `json:"timeout"`
	Bundle     string        `json:"bundle"`
	Errors     []Error       `json:"errors"`
	Start      time.Time     `json:"start"`
	End        time.Time     `json:"end"` // zero while it runs, and if it never ended
	OutDir     string        `json:"outDir"`
	SkipReason string        `json:"skipReason"`
}

// Error is what went wrong in a test.
type Error struct {
	Time   time.Time `json:"time"`
	Reason string    `json:"reason"`
	File   string    `json:"file"`
	Line   int       `json:"line"`
	Stack  string    `json:"stack"`
}

// Status is how a test ended.
type Status string

// The statuses.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Skipped Status = "skipped"
)

// Status tells how the test ended. One that did not end failed.
func (r Result) Status() Status {
	switch {
	case len(r.Errors) > 0:
		return Failed
	case r.SkipReason != "":
		return Skipped
	case !r.ended():
		return Failed
	}
	return Passed
}

func (r Result) ended() bool { return !r.Start.IsZero() && !r.End.Before(r.Start) }

// Parse reads results.json. A name that stands there twice means two things.
func Parse(data []byte) ([]Result, error) {
	var results []Result
	if err := decode(data, &results); err != nil {
		return nil, fmt.Errorf("read Tast's results: %w", err)
	}
	if results == nil {
		return nil, errors.New("read Tast's results: it is no list; name results.json")
	}
	return results, unique(results)
}

func unique(results []Result) error {
	seen := map[string]bool{}
	for _, r := range results {
		if r.Name == "" || seen[r.Name] {
			return fmt.Errorf("read Tast's results: the test %q stands there twice, or has no name", r.Name)
		}
		seen[r.Name] = true
	}
	return nil
}

// ParseStream reads streamed_results.jsonl, also while it grows: whole says whether its
// last line ended. A test is there from its beginning; its line is written anew when it
// ends, and a run that was taken up again appends, so that the last line of a test counts
// if the one before is of a test that had not ended.
func ParseStream(data []byte) (results []Result, whole bool, err error) {
	at := map[string]int{}
	for number := 1; len(data) > 0; number++ {
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		if !ended {
			return results, false, nil
		}
		data = rest
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var r Result
		if err := decode(line, &r); err != nil {
			return results, false, fmt.Errorf("read Tast's stream: line %d: %w", number, err)
		}
		i, again := at[r.Name]
		switch {
		case r.Name == "" || again && results[i].ended():
			return results, false, fmt.Errorf("read Tast's stream: line %d: the test %q stands there twice, or has no name", number, r.Name)
		case again:
			results[i] = r
		default:
			at[r.Name] = len(results)
			results = append(results, r)
		}
	}
	return results, true, nil
}

// decode reads one JSON value. Fields that we do not know are tast's own business; a
// field twice is nobody's.
func decode(data []byte, into any) error {
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
