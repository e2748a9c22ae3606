// Package checks looks at a checkout and says what is wrong with it: the logic of
// the job binaries gocheck, gotest, gobuild and pycheck.
//
// A check's outcome is data, cases of JUnit, and only one place prints and writes
// them: what failed goes to standard output as file:line, for people and editors,
// and the same cases to the folder that Spyglass reads. A check that cannot run is
// a case that failed, so that one broken check neither hides nor stops the others,
// and a check that looked at nothing is an error, since it would read as passed.
package checks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/junit"
	"slipway.dev/slipway/internal/progress"
)

// progressEvery is how often a check that takes long says so.
const progressEvery = 30 * time.Second

// Job is one run over a checkout.
type Job struct {
	Root   string               // absolute folder of the checkout
	Output string               // absolute folder for JUnit, logs and reports; empty writes none
	Stdout io.Writer            // what failed
	Say    func(message string) // progress; nil is nobody
}

// A Check is one way to look at a checkout.
type Check struct {
	Name string
	Run  func(ctx context.Context) ([]junit.Suite, error)
}

// Names are the names of checks, in order.
func Names(all []Check) []string {
	var names []string
	for _, c := range all {
		names = append(names, c.Name)
	}
	return names
}

// Select returns the checks that are named, in the order of all.
func Select(all []Check, names []string) ([]Check, error) {
	for _, name := range names {
		if !slices.Contains(Names(all), name) {
			return nil, fmt.Errorf("there is no check %q; the checks are %s", name, strings.Join(Names(all), ", "))
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no check is named; the checks are %s", strings.Join(Names(all), ", "))
	}
	return slices.DeleteFunc(slices.Clone(all), func(c Check) bool { return !slices.Contains(names, c.Name) }), nil
}

// Run runs the checks one after the other, all of them whatever some find, and
// reports each as junit_PROGRAM_CHECK.xml.
func (j Job) Run(ctx context.Context, program string, run []Check) error {
	var errs []error
	for _, c := range run {
		stop := progress.Watch(progressEvery, c.Name, j.Say)
		suites, err := c.Run(ctx)
		stop()
		if err != nil {
			suites = append(suites, broken(c.Name, err))
		}
		classify(suites, c.Name)
		errs = append(errs, j.Report(program+"_"+c.Name, suites))
	}
	return errors.Join(errs...)
}

// broken is the suite of a check that could not do its work.
func broken(check string, err error) junit.Suite {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return junit.Suite{Name: check, Cases: []junit.Case{{
		Name: check + " runs", Failure: &junit.Message{Line: line, Text: err.Error()},
	}}}
}

// classify says of cases that say nothing themselves which check they are of.
func classify(suites []junit.Suite, check string) {
	for _, s := range suites {
		for i := range s.Cases {
			s.Cases[i].Class = cmp.Or(s.Cases[i].Class, check)
		}
	}
}

// Path is where a report of a module or folder of the checkout belongs: the root's
// at the top of the output, another's in a folder of the same name.
func (j Job) Path(folder, name string) string { return filepath.Join(j.Output, folder, name) }
