package tast

import (
	"fmt"
	"path"
	"strings"
	"time"

	"slipway.dev/slipway/internal/junit"
)

// whole is the name of the case that tells what is wrong with the run as a whole.
const whole = "run"

// Suite is the run as JUnit.
func (r *Run) Suite() junit.Suite {
	suite := junit.Suite{Name: "tast"}
	if len(r.Broken) > 0 {
		suite.Cases = append(suite.Cases, junit.Case{Name: whole, Class: "tast", Failure: &junit.Message{
			Line: r.Broken[0], Text: strings.Join(r.Broken, "\n"),
		}})
	}
	for _, result := range r.Results {
		suite.Cases = append(suite.Cases, result.testCase())
	}
	return suite
}

// Names are the names of the tests by how they ended, those that were skipped left out.
func (r *Run) Names() (passed, failed []string) {
	if len(r.Broken) > 0 {
		failed = append(failed, whole)
	}
	for _, result := range r.Results {
		switch result.Status() {
		case Passed:
			passed = append(passed, result.Name)
		case Failed:
			failed = append(failed, result.Name)
		}
	}
	return passed, failed
}

func (r Result) testCase() junit.Case {
	c := junit.Case{Name: r.Name, Class: r.Pkg, Time: r.Duration()}
	switch r.Status() {
	case Skipped:
		c.Skipped = &junit.Message{Line: r.SkipReason}
	case Failed:
		c.Failure = &junit.Message{Line: r.Reason(), Text: r.details()}
	}
	if r.OutDir != "" {
		c.Output = "its files: tests/" + path.Base(r.OutDir)
	}
	return c
}

// Duration is how long the test took, if it ended.
func (r Result) Duration() time.Duration {
	if !r.ended() {
		return 0
	}
	return r.End.Sub(r.Start)
}

// Reason is why the test failed, in a line.
func (r Result) Reason() string {
	if len(r.Errors) == 0 {
		return "it began and did not end"
	}
	first, _, _ := strings.Cut(r.Errors[0].Reason, "\n")
	if n := len(r.Errors) - 1; n > 0 {
		first += fmt.Sprintf(" (and %d more)", n)
	}
	return first
}

func (r Result) details() string {
	var lines []string
	if !r.ended() {
		lines = append(lines, "it began at "+r.Start.UTC().Format(time.RFC3339)+" and did not end")
	}
	for _, e := range r.Errors {
		at := ""
		if e.File != "" {
			at = fmt.Sprintf("%s:%d: ", e.File, e.Line)
		}
		lines = append(lines, at+e.Reason)
		if e.Stack != "" {
			lines = append(lines, e.Stack)
		}
	}
	return strings.Join(lines, "\n")
}
