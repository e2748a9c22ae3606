package importer

import (
	"errors"
	"fmt"
	"time"

	"slipway.dev/slipway/internal/evidence"
)

// finished is Prow's finished.json, as its sidecar writes it.
type finished struct {
	Timestamp *int64 `json:"timestamp"`
	Passed    *bool  `json:"passed"`
	Result    string `json:"result"`
}

// prowResults are the results of jobs that ended.
var prowResults = map[string]evidence.Outcome{
	"SUCCESS": evidence.Passed,
	"FAILURE": evidence.Failed,
	"ABORTED": evidence.Failed,
	"ERROR":   evidence.Failed,
}

// Prow reads finished.json of a Prow job.
func Prow(data []byte) (Report, error) {
	var f finished
	if err := unmarshal(data, &f); err != nil {
		return Report{}, fmt.Errorf("read finished.json: %w", err)
	}
	outcome, err := f.outcome()
	if err != nil {
		return Report{}, fmt.Errorf("read finished.json: %w", err)
	}
	return Report{Outcome: outcome, Finished: time.Unix(*f.Timestamp, 0).UTC()}, nil
}

func (f finished) outcome() (evidence.Outcome, error) {
	if f.Timestamp == nil || *f.Timestamp <= 0 || f.Passed == nil && f.Result == "" {
		return "", errors.New("the job has not finished: there is no timestamp, or neither passed nor result")
	}
	var byPassed evidence.Outcome
	if f.Passed != nil {
		byPassed = evidence.Failed
		if *f.Passed {
			byPassed = evidence.Passed
		}
	}
	if f.Result == "" {
		return byPassed, nil
	}
	byResult, known := prowResults[f.Result]
	switch {
	case !known:
		return "", fmt.Errorf("the job has not finished, or its result %q is none that we know", f.Result)
	case byPassed != "" && byPassed != byResult:
		return "", fmt.Errorf("passed is %t, but the result is %s", *f.Passed, f.Result)
	}
	return byResult, nil
}
