package openqa

import (
	"slices"
	"strings"
	"testing"
)

var (
	states  = []string{"scheduled", "assigned", "setup", "running", "uploading", "done", "cancelled"}
	results = []string{
		"none", "passed", "softfailed", "failed", "incomplete", "skipped", "obsoleted", "parallel_failed",
		"parallel_restarted", "user_cancelled", "user_restarted", "timeout_exceeded", "something_new",
	}
)

// Of all states and results, done with passed is the only pass, and with softfailed where
// that is allowed; whatever has not ended is pending, and the rest fails with a reason.
func TestJudgeEveryStateAndResult(t *testing.T) {
	tested := []string{"failed", "softfailed", "incomplete", "timeout_exceeded", "parallel_failed", "something_new"}
	for _, softfailed := range []bool{false, true} {
		for _, state := range states {
			for _, result := range results {
				got := Judge(Job{ID: 1, State: state, Result: result, Reason: "worker said so"}, Rules{Softfailed: softfailed})
				ended := state == "done" || state == "cancelled"
				want := Verdict{}
				switch {
				case !ended:
				case state == "done" && result == "passed":
					want = Verdict{Outcome: Passed, Tested: true}
				case state == "done" && result == "softfailed" && softfailed:
					want = Verdict{Outcome: Warned, Tested: true}
				default:
					want = Verdict{Outcome: Failed, Tested: state == "done" && slices.Contains(tested, result)}
					if !strings.HasSuffix(got.Reason, ": worker said so") || len(got.Reason) < 20 {
						t.Errorf("%s, %s: reason %q", state, result, got.Reason)
					}
				}
				if got.Outcome != want.Outcome || got.Tested != want.Tested {
					t.Errorf("%s, %s, softfailed %v: got %+v, want %+v", state, result, softfailed, got, want)
				}
			}
		}
	}
}

func TestJudgeRules(t *testing.T) {
	module := func(name, result string, flags ...string) Module {
		return Module{Name: name, Result: result, Flags: flags}
	}
	tests := []struct {
		name    string
		job     Job
		rules   Rules
		outcome Outcome
		tested  bool
		reason  string
	}{
		{"wanted module passed", Job{Modules: []Module{module("boot", "passed")}}, Rules{Modules: []string{"boot"}}, Passed, true, ""},
		{"wanted module is not there", Job{}, Rules{Modules: []string{"boot"}}, Failed, true, "without module boot"},
		{"wanted module did not run", Job{Modules: []Module{module("boot", "none")}}, Rules{Modules: []string{"boot"}}, Failed, true, "is none"},
		{"wanted module softfailed", Job{Modules: []Module{module("boot", "softfailed")}}, Rules{Modules: []string{"boot"}}, Failed, true, "is softfailed"},
		{"wanted module softfailed, as allowed", Job{Modules: []Module{module("boot", "softfailed")}}, Rules{Modules: []string{"boot"}, Softfailed: true}, Warned, true, "boot softfailed"},
		{"the very disk", Job{Settings: map[string]string{DiskSetting: "a"}}, Rules{Disk: "a"}, Passed, true, ""},
		{"another disk", Job{Settings: map[string]string{DiskSetting: "b"}}, Rules{Disk: "a"}, Failed, false, `ran on disk "b"`},
		{"no disk", Job{}, Rules{Disk: "a"}, Failed, false, `ran on disk ""`},
		{"a module's failure is ignored", Job{Modules: []Module{module("boot", "passed"), module("sound", "failed", "ignore_failure")}}, Rules{}, Warned, true, "sound failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.job.State, tt.job.Result = "done", "passed"
			got := Judge(tt.job, tt.rules)
			if got.Outcome != tt.outcome || got.Tested != tt.tested || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("got %+v, want %s, %v, %q", got, tt.outcome, tt.tested, tt.reason)
			}
		})
	}
}

func TestWholeIsTheWorst(t *testing.T) {
	for want, of := range map[Outcome][]Outcome{
		Passed: {Passed, Passed}, Warned: {Passed, Warned}, Failed: {Warned, Failed, Passed}, Pending: {Failed, Pending},
	} {
		if got := whole(of); got != want {
			t.Errorf("%q: got %q, want %q", of, got, want)
		}
	}
}
