// Package jobs checks the jobs of this folder with Prow's own loader.
package jobs

import (
	"testing"

	"slipway.dev/slipway/internal/testkit/tools"
	"slipway.dev/slipway/prow/configcheck"
	"slipway.dev/slipway/prow/flow"
)

// What `slipway config check` asks of config/ and jobs/, of which each rule has tests of
// its own, this repository keeps.
func TestRules(t *testing.T) {
	report, err := configcheck.Check(t.Context(), configcheck.Options{Checkout: "..", Generated: flow.Generated})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		t.Error(f)
	}
	for _, what := range report.Unseen {
		t.Logf("not looked at: %s", what)
	}
	if report.Jobs < 30 || report.Rules < 20 {
		t.Errorf("only %d jobs were held to %d rules", report.Jobs, report.Rules)
	}
}

// Prow's own program has nothing against the same files.
func TestProwAgrees(t *testing.T) {
	findings, err := configcheck.ProwCheck(t.Context(), tools.Prow(t, "checkconfig"), "..")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Error(f)
	}
}
