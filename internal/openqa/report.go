package openqa

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"slipway.dev/slipway/internal/junit"
)

// Report is how a run went.
type Report struct {
	Host    string    `json:"host"`
	Build   string    `json:"build"` // the run, as openQA's BUILD
	Disk    string    `json:"disk"`  // its digest
	Outcome Outcome   `json:"outcome"`
	Jobs    []Result  `json:"jobs"`
	Ended   time.Time `json:"ended"` // of the last job, by openQA's clock
	// Unproven is why all this is said of another disk, or may be.
	Unproven string `json:"unproven,omitempty"`
}

// conclude fills in what follows from the jobs.
func (r *Report) conclude() {
	var outcomes []Outcome
	for _, job := range r.Jobs {
		outcomes = append(outcomes, job.Verdict.Outcome)
		if job.Finished.After(r.Ended) {
			r.Ended = job.Finished
		}
	}
	r.Outcome = whole(outcomes)
}

// Evidence says whether the report says anything of the disk: it passed, or a test that
// ran failed. Where jobs were only cancelled or never picked up, it does not.
func (r *Report) Evidence() bool {
	if r.Unproven != "" {
		return false
	}
	if r.Outcome != Failed {
		return true
	}
	for _, job := range r.Jobs {
		if job.Verdict.Outcome == Failed && job.Verdict.Tested {
			return true
		}
	}
	return false
}

// Failures are a line for each job that failed.
func (r *Report) Failures() []string {
	var lines []string
	for _, job := range r.Jobs {
		if job.Verdict.Outcome == Failed {
			lines = append(lines, fmt.Sprintf("%s %s (%s)", job.Name, job.Verdict.Reason, job.Link))
		}
	}
	return lines
}

// Cases are the names of jobs and their modules, by how they count.
func (r *Report) Cases() map[Outcome][]string {
	cases := map[Outcome][]string{}
	for _, job := range r.Jobs {
		cases[job.Verdict.Outcome] = append(cases[job.Verdict.Outcome], job.Name)
		for _, m := range job.Modules {
			if o := job.module(m); o != Pending {
				cases[o] = append(cases[o], job.Name+"/"+clip(m.Name))
			}
		}
	}
	return cases
}

// module is how a module counts. Where its job is no failure, openQA was told to ignore
// the module's.
func (r Result) module(m Module) Outcome {
	outcome := judgeModule(m, r.rules)
	if outcome == Failed && r.Verdict.Outcome != Failed {
		return Warned
	}
	return outcome
}

// JUnit is the report in the form that Spyglass shows: a suite for each job, with a case
// for the job as a whole and one for each module.
func (r *Report) JUnit() []junit.Suite {
	var suites []junit.Suite
	for _, job := range r.Jobs {
		suite := junit.Suite{Name: "openqa " + job.Name}
		suite.Cases = append(suite.Cases, job.wholeCase())
		for _, m := range job.Modules {
			suite.Cases = append(suite.Cases, job.moduleCase(m))
		}
		suites = append(suites, suite)
	}
	if r.Unproven != "" {
		c := junit.Case{Name: "the disk is the one that was tested", Class: "openqa", Failure: &junit.Message{Line: r.Unproven}}
		suites = append(suites, junit.Suite{Name: "openqa disk", Cases: []junit.Case{c}})
	}
	return suites
}

func (r Result) wholeCase() junit.Case {
	c := junit.Case{Name: r.Name, Class: "openqa", Output: r.Link + "\n" + r.Verdict.String()}
	if len(r.Modules) == 0 {
		c.Time = r.Took
	}
	if r.Verdict.Outcome == Failed {
		c.Failure = &junit.Message{Line: r.Verdict.Reason, Text: r.Link}
	}
	return c
}

func (r Result) moduleCase(m Module) junit.Case {
	c := junit.Case{Name: m.Name, Class: "openqa." + r.Name}
	var seen strings.Builder
	for _, d := range r.details.Modules {
		if d.Name != m.Name {
			continue
		}
		c.Time = moduleTime(d.Time)
		for _, step := range d.Steps {
			fmt.Fprintf(&seen, "%s %s %s\n", step.Result, step.Title, step.screenshot()+step.Text)
			if step.TextData != "" {
				fmt.Fprintln(&seen, step.TextData)
			}
		}
	}
	c.Output = seen.String()
	switch r.module(m) {
	case Failed:
		c.Failure = &junit.Message{Line: m.Name + " " + m.Result, Text: r.Link + "\n" + c.Output}
	case Pending:
		c.Skipped = &junit.Message{Line: "it did not run"}
	}
	return c
}

// moduleTime reads what openQA writes for people: "1h 2m 3s", or "3 s".
func moduleTime(text string) time.Duration {
	d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
	if err == nil {
		return d
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return time.Duration(n * float64(time.Second))
	}
	return 0
}
