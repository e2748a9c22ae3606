// Package report tells how the tests of a guest went: as JUnit for Prow's Spyglass, as one
// HTML file for people, as JSON for programs, and as the words that evidence is made of.
//
// All of them are made from the same results, so they cannot disagree. What a guest
// printed is in them, and a guest may be hostile: nothing that it printed becomes markup,
// no file outside of the artifacts is read, and no report grows without bound.
package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/console"
	"slipway.dev/slipway/internal/junit"
)

// Suite is a run under the name of its own that its results have: hello-os/uefi.
type Suite struct {
	Name    string     `json:"suite"`
	Run     *guest.Run `json:"run"`
	Console []Console  `json:"console,omitempty"` // what was found on the consoles of its machines
}

// Console is what was found on one console.
type Console struct {
	File     string            `json:"file"` // its log, as in the run's files
	Findings []console.Finding `json:"findings"`
}

// The files that Write writes.
const (
	JUnitFile = "junit_guest.xml"
	HTMLFile  = "report.html"
	JSONFile  = "run.json"
)

// Write writes the reports of all suites into the artifacts' folder, where the files are
// that the runs name.
func Write(folder string, suites []Suite) error {
	files := []struct {
		name string
		make func() ([]byte, error)
	}{
		{JSONFile, func() ([]byte, error) { return json.MarshalIndent(suites, "", "  ") }},
		{JUnitFile, func() ([]byte, error) {
			var out bytes.Buffer
			err := junit.Write(&out, JUnit(suites))
			return out.Bytes(), err
		}},
		{HTMLFile, func() ([]byte, error) { return HTML(folder, suites) }},
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make the folder of the reports: %w", err)
	}
	for _, f := range files {
		data, err := f.make()
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, f.name), data, 0o644)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", f.name, err)
		}
	}
	return nil
}

// Good says whether every suite passed, and there is one.
func Good(suites []Suite) bool {
	for _, s := range suites {
		if !s.Run.Good() {
			return false
		}
	}
	return len(suites) > 0
}

// Verdict is what evidence says of the suites: the names of their tests, as an importer of
// their JUnit calls them, by how they ended.
type Verdict struct {
	Good                   bool
	Passed, Warned, Failed []string
}

// Judge makes the verdict. A test that did not run is among the failed ones if nothing
// else says why the suites are not good.
func Judge(suites []Suite) Verdict {
	v := Verdict{Good: Good(suites)}
	var skipped []string
	for _, s := range suites {
		for _, test := range s.Run.Tests {
			name := s.Name + "." + test.Name
			switch test.Status {
			case guest.Passed:
				v.Passed = append(v.Passed, name)
			case guest.Failed:
				v.Failed = append(v.Failed, name)
			case guest.Skipped:
				skipped = append(skipped, name)
			default:
				v.Warned = append(v.Warned, name)
			}
		}
	}
	if len(v.Failed) == 0 {
		v.Failed = skipped
	}
	return v
}
