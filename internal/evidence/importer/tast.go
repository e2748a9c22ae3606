package importer

import (
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/tast"
)

// tastOutcomes are what a test's status means; a skipped test is none.
var tastOutcomes = map[tast.Status]evidence.Outcome{tast.Passed: evidence.Passed, tast.Failed: evidence.Failed}

// Tast reads results.json of `tast run`. A test that began and did not end failed.
func Tast(data []byte) (Report, error) {
	results, err := tast.Parse(data)
	if err != nil {
		return Report{}, err
	}
	var r Report
	for _, result := range results {
		r.add(result.Name, tastOutcomes[result.Status()])
		if result.End.After(r.Finished) {
			r.Finished = result.End
		}
	}
	r.Finished = seconds(r.Finished)
	return r.conclude(), nil
}
