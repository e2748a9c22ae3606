package releasecmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/image/build"
	"slipway.dev/slipway/internal/signing"
)

// The tests of a build, as gates name them.
const (
	unit = "unit"
	lint = "lint"
)

// Test is how one of them ended, now or in an earlier run.
type Test struct {
	Name    string           `json:"name"`
	Outcome evidence.Outcome `json:"result,omitempty"` // empty if it is still to be run
	Before  bool             `json:"before,omitempty"` // in an earlier run
	Failed  []string         `json:"failed,omitempty"` // what it found

	output string
	took   time.Duration
	ended  time.Time
	before time.Time // when it failed the last time
}

// known are the tests with what earlier runs filed. One that failed is to be run again.
func (r *releasing) known(ctx context.Context, digest string) ([]*Test, error) {
	tests := []*Test{{Name: unit}, {Name: lint}}
	if digest == "" {
		return tests, nil
	}
	keys := []signing.Verifier{{Verifier: r.signer, Name: "this job"}}
	for _, t := range tests {
		found, err := evidence.Latest(ctx, r.store, digest, t.Name, keys)
		if none := (*evidence.NoneError)(nil); errors.As(err, &none) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if t.before = found.Finished; found.Outcome != evidence.Failed {
			t.Outcome, t.Before = found.Outcome, true
		}
	}
	return tests, nil
}

func areDone(tests []*Test) bool {
	return !slices.ContainsFunc(tests, func(t *Test) bool { return t.Outcome == "" })
}

// test runs the tests that are still to be run. An error is one that could not be run,
// about which nothing can be said.
func (r *releasing) test(ctx context.Context, tests []*Test) error {
	run := map[string]func(context.Context, *Test) error{unit: r.unit, lint: r.lint}
	for _, t := range tests {
		if t.Outcome != "" {
			continue
		}
		began := time.Now()
		if err := run[t.Name](ctx, t); err != nil {
			return fmt.Errorf("test %s: %w", t.Name, err)
		}
		time.Sleep(time.Until(t.before.Add(time.Second))) // of two results in one second the worse counts
		t.ended = time.Now().UTC().Truncate(time.Second)
		t.took, t.Outcome = time.Since(began), evidence.Passed
		if len(t.Failed) > 0 {
			t.Outcome = evidence.Failed
		}
		r.say(fmt.Sprintf("test %s %s in %s", t.Name, t.Outcome, t.took.Round(time.Millisecond)))
	}
	return r.report(tests)
}

// unit builds the test stage of the image's Dockerfile.
func (r *releasing) unit(ctx context.Context, t *Test) error {
	late := fmt.Errorf("its tests took longer than %s; give them more with --test-timeout", r.testTimeout)
	within, cancel := context.WithTimeoutCause(ctx, r.testTimeout, late)
	defer cancel()
	var said bytes.Buffer
	err := r.builder.Stage(within, r.target.Name, r.arch(), r.stage, io.MultiWriter(&said, r.env.Stderr))
	t.output = said.String()
	failed, isFailure := errors.AsType[*build.RunError](err)
	switch {
	case err == nil:
	case isFailure:
		r.say(failed.Error())
		t.Failed = []string{"stage " + r.stage}
	case errors.Is(context.Cause(within), late):
		r.say(late.Error())
		t.Failed, t.output = []string{late.Error()}, t.output+late.Error()+"\n"
	default:
		return fmt.Errorf("%w; the Dockerfile of %s needs a stage named %s", err, r.target.Name, r.stage)
	}
	return nil
}

// lint looks at what the image is made from, and at its labels.
func (r *releasing) lint(ctx context.Context, t *Test) error {
	for _, f := range r.builder.Tree.Verify() {
		t.Failed = append(t.Failed, oneLine(f.String()))
	}
	has, err := r.builder.Labels(ctx, r.done.ID)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.labels)) {
		if value, ok := has[name]; !ok || value != r.labels[name] {
			t.Failed = append(t.Failed, fmt.Sprintf("label %s is %q instead of %q; write LABEL %s=%s in its Dockerfile", name, value, r.labels[name], name, r.labels[name]))
		}
	}
	t.output = strings.Join(append([]string{fmt.Sprintf("%d findings", len(t.Failed))}, t.Failed...), "\n") + "\n"
	for _, f := range t.Failed {
		r.say(f)
	}
	return nil
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// file signs how the tests of this run ended.
func (r *releasing) file(ctx context.Context, digest string, tests []*Test) error {
	for _, t := range tests {
		if t.Before {
			continue
		}
		_, err := evidence.Add(ctx, r.store, r.signer, evidence.Result{
			Test: t.Name, Outcome: t.Outcome, Finished: t.ended, Log: r.log, Failed: t.Failed,
			Subjects: []evidence.Subject{{Name: r.location, Digest: digest}},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// failed is the error of tests that failed.
func failed(tests []*Test) error {
	var names []string
	for _, t := range tests {
		if t.Outcome == evidence.Failed {
			names = append(names, t.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("tests that failed: %s; the evidence says so, and the channel stays where it is", strings.Join(names, ", "))
}
