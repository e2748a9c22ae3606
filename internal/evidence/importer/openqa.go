package importer

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"slipway.dev/slipway/internal/evidence"
)

// openQAJob is what openQA answers to GET /api/v1/jobs/N, with the test modules in
// modules, and to GET /api/v1/jobs/N/details, with them in testresults.
type openQAJob struct {
	Job *struct {
		ID          int64          `json:"id"`
		State       string         `json:"state"`
		Result      string         `json:"result"`
		Finished    string         `json:"t_finished"`
		Modules     []openQAModule `json:"modules"`
		TestResults []openQAModule `json:"testresults"`
	} `json:"job"`
}

type openQAModule struct {
	Name   string   `json:"name"`
	Result string   `json:"result"`
	Flags  []string `json:"flags"`
}

// OpenQA reads a job of openQA. A job that softfailed is a warning if softfailed is
// allowed, and a failure otherwise.
func OpenQA(data []byte, softfailed bool) (Report, error) {
	var answer openQAJob
	if err := unmarshal(data, &answer); err != nil {
		return Report{}, fmt.Errorf("read openQA job: %w", err)
	}
	job := answer.Job
	switch {
	case job == nil || job.ID == 0:
		return Report{}, errors.New("read openQA job: it is no answer to GET /api/v1/jobs/ID")
	case job.State != "done":
		return Report{}, fmt.Errorf("read openQA job %d: it is %q, not done", job.ID, job.State)
	}
	finished, err := openQATime(job.Finished)
	if err != nil {
		return Report{}, fmt.Errorf("read openQA job %d: %w", job.ID, err)
	}
	r := Report{Finished: finished}
	for _, module := range slices.Concat(job.Modules, job.TestResults) {
		r.add(module.Name, module.outcome(softfailed))
	}
	whole := openQAOutcome(job.Result, softfailed)
	r.Outcome = whole
	if len(r.Failed) > 0 {
		r.Outcome = evidence.Failed
	}
	if r.Outcome == evidence.Passed && len(r.Warned) > 0 {
		r.Outcome = evidence.Warned
	}
	return r, nil
}

// openQAOutcome knows the two good results; every other one is a failure.
func openQAOutcome(result string, softfailed bool) evidence.Outcome {
	switch {
	case result == "passed":
		return evidence.Passed
	case result == "softfailed" && softfailed:
		return evidence.Warned
	}
	return evidence.Failed
}

// outcome of a module, none if it did not run. One whose failure openQA itself was
// told to ignore is a warning.
func (m openQAModule) outcome(softfailed bool) evidence.Outcome {
	if m.Result == "none" || m.Result == "skipped" {
		return ""
	}
	outcome := openQAOutcome(m.Result, softfailed)
	if outcome == evidence.Failed && slices.Contains(m.Flags, "ignore_failure") {
		return evidence.Warned
	}
	return outcome
}

// openQATime reads a time that is in UTC whether it says so or not.
func openQATime(text string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return seconds(t), nil
		}
	}
	return time.Time{}, fmt.Errorf("it is done, but t_finished is %q", text)
}
