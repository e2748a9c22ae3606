package importer

import (
	"errors"
	"fmt"
	"time"

	"slipway.dev/slipway/internal/evidence"
)

// tastResult is one element of the results.json of `tast run`.
type tastResult struct {
	Name   string `json:"name"`
	Errors []struct {
		Reason string `json:"reason"`
	} `json:"errors"`
	SkipReason string    `json:"skipReason"`
	Start      time.Time `json:"start"`
	End        time.Time `json:"end"`
}

// Tast reads results.json of `tast run`. A test that began and did not end failed.
func Tast(data []byte) (Report, error) {
	var results []tastResult
	if err := unmarshal(data, &results); err != nil {
		return Report{}, fmt.Errorf("read Tast's results: %w", err)
	}
	if results == nil {
		return Report{}, errors.New("read Tast's results: it is no list; name results.json")
	}
	var r Report
	seen := map[string]bool{}
	for _, result := range results {
		if result.Name == "" || seen[result.Name] {
			return Report{}, fmt.Errorf("read Tast's results: the test %q stands there twice, or has no name", result.Name)
		}
		seen[result.Name] = true
		r.add(result.Name, result.outcome())
		if result.End.After(r.Finished) {
			r.Finished = result.End
		}
	}
	r.Finished = seconds(r.Finished)
	return r.conclude(), nil
}

func (t tastResult) outcome() evidence.Outcome {
	switch {
	case len(t.Errors) > 0:
		return evidence.Failed
	case t.SkipReason != "":
		return ""
	case t.Start.IsZero(), t.End.Before(t.Start):
		return evidence.Failed
	}
	return evidence.Passed
}
