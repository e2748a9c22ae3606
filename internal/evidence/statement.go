package evidence

import (
	"fmt"
	"time"

	"slipway.dev/slipway/internal/signing/intoto"
)

// PredicateType is in-toto's predicate for results of tests.
const PredicateType = "https://in-toto.io/attestation/test-result/v0.1"

// outcomes in in-toto's words.
var outcomes = map[Outcome]string{Passed: "PASSED", Failed: "FAILED", Warned: "WARNED"}

// predicate is in-toto's test result. The one configuration is the test itself.
type predicate struct {
	Result        string          `json:"result"`
	Configuration []configuration `json:"configuration"`
	URL           string          `json:"url,omitempty"`
	PassedTests   []string        `json:"passedTests,omitempty"`
	WarnedTests   []string        `json:"warnedTests,omitempty"`
	FailedTests   []string        `json:"failedTests,omitempty"`
}

type configuration struct {
	Name        string      `json:"name"`
	Annotations annotations `json:"annotations"`
}

type annotations struct {
	FinishedOn string `json:"finishedOn"`
}

// Statement is a result as an in-toto statement: the same result, the same bytes.
func (r Result) Statement() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("state result: %w", err)
	}
	var subjects []intoto.Subject
	for _, subject := range r.Subjects {
		hex, err := intoto.Hex(subject.Digest)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, intoto.Subject{Name: subject.Name, Digest: intoto.Digest{SHA256: hex}})
	}
	return intoto.New(PredicateType, predicate{
		Result:        outcomes[r.Outcome],
		Configuration: []configuration{{r.Test, annotations{r.Finished.UTC().Format(time.RFC3339)}}},
		URL:           r.Log,
		PassedTests:   r.Passed, WarnedTests: r.Warned, FailedTests: r.Failed,
	}, subjects...).Marshal()
}

// Parse reads a statement that Result.Statement wrote, and nothing else.
func Parse(statement []byte) (Result, error) {
	s, err := intoto.Unmarshal[predicate](statement, PredicateType)
	if err != nil {
		return Result{}, err
	}
	r, err := read(s.Predicate)
	if err != nil {
		return Result{}, fmt.Errorf("read result: %w", err)
	}
	for _, subject := range s.Subject {
		r.Subjects = append(r.Subjects, Subject{subject.Name, "sha256:" + subject.Digest.SHA256})
	}
	if err := r.check(); err != nil {
		return Result{}, fmt.Errorf("read result: %w", err)
	}
	return r, nil
}

func read(p predicate) (Result, error) {
	if len(p.Configuration) != 1 {
		return Result{}, fmt.Errorf("it names %d tests instead of one", len(p.Configuration))
	}
	test := p.Configuration[0]
	finished, err := time.Parse(time.RFC3339, test.Annotations.FinishedOn)
	if err != nil || finished.UTC().Format(time.RFC3339) != test.Annotations.FinishedOn {
		return Result{}, fmt.Errorf("finishedOn %q is no time in UTC, by the second", test.Annotations.FinishedOn)
	}
	r := Result{
		Test: test.Name, Finished: finished.UTC(), Log: p.URL,
		Passed: p.PassedTests, Warned: p.WarnedTests, Failed: p.FailedTests,
	}
	for outcome, word := range outcomes {
		if word == p.Result {
			r.Outcome = outcome
		}
	}
	return r, nil
}
