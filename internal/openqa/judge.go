package openqa

import (
	"fmt"
	"slices"
)

// Outcome is how a job counts.
type Outcome string

// The outcomes. Pending is a job that has not ended.
const (
	Pending Outcome = ""
	Passed  Outcome = "passed"
	Warned  Outcome = "warned" // softfailed, where that is allowed
	Failed  Outcome = "failed"
)

// Verdict is what is made of a job.
type Verdict struct {
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"` // why it is not passed
	// Tested says that the test ran, and so says something of the disk. A job that was
	// cancelled, or never picked up, fails a run and is no evidence.
	Tested bool `json:"tested"`
}

// Rules are what a job must fulfil to pass.
type Rules struct {
	Softfailed bool     // softfailed is a pass, with a warning
	Modules    []string // that must have run, and passed
	Disk       string   // the disk that it must have been run on, as openQA's setting Disk names it
}

// reasons say in words how a job ended that openQA does not call passed, and whether its
// test ran. What is not here is a result that nobody here knows, and a failure.
var reasons = map[string]struct {
	text   string
	tested bool
}{
	"failed":             {"failed", true},
	"softfailed":         {"softfailed, which the suite does not allow", true},
	"incomplete":         {"incomplete: its worker gave up", true},
	"timeout_exceeded":   {"ran longer than its MAX_JOB_TIME", true},
	"parallel_failed":    {"stopped, since a job that ran beside it failed", true},
	"skipped":            {"skipped, since a job before it failed", false},
	"obsoleted":          {"obsoleted by a newer build", false},
	"user_cancelled":     {"cancelled", false},
	"user_restarted":     {"restarted, and openQA does not say as which job", false},
	"parallel_restarted": {"restarted with a job beside it, and openQA does not say as which job", false},
	"none":               {"over without a result", false},
}

// Judge says what a job counts as. A job that was restarted is judged by the job that it
// was restarted as, which is the caller's to find.
func Judge(job Job, rules Rules) Verdict {
	if !job.Ended() {
		return Verdict{}
	}
	v := judgeResult(job, rules)
	if v.Outcome == Failed {
		if job.Reason != "" {
			v.Reason += ": " + clip(job.Reason)
		}
		return v
	}
	if disk := job.Settings[DiskSetting]; rules.Disk != "" && disk != rules.Disk {
		return Verdict{Outcome: Failed, Reason: fmt.Sprintf("ran on disk %q, not on %q; look for %s in openQA's test suites and machines", disk, rules.Disk, DiskSetting)}
	}
	if reason := missing(job, rules); reason != "" {
		return Verdict{Outcome: Failed, Reason: reason, Tested: true}
	}
	for _, m := range job.Modules {
		if v.Outcome == Passed && !slices.Contains([]Outcome{Passed, Pending}, judgeModule(m, rules)) {
			v.Outcome, v.Reason = Warned, fmt.Sprintf("passed, though its module %s %s", m.Name, m.Result)
		}
	}
	return v
}

func judgeResult(job Job, rules Rules) Verdict {
	switch {
	case job.State == "done" && job.Result == "passed":
		return Verdict{Outcome: Passed, Tested: true}
	case job.State == "done" && job.Result == "softfailed" && rules.Softfailed:
		return Verdict{Outcome: Warned, Reason: "softfailed", Tested: true}
	}
	why, known := reasons[job.Result]
	if !known {
		why.text, why.tested = fmt.Sprintf("%s with result %q", job.State, job.Result), job.State == "done"
	}
	return Verdict{Outcome: Failed, Reason: why.text, Tested: why.tested && job.State == "done"}
}

// missing says which module did not run though it must.
func missing(job Job, rules Rules) string {
	for _, name := range rules.Modules {
		i := slices.IndexFunc(job.Modules, func(m Module) bool { return m.Name == name })
		switch {
		case i < 0:
			return fmt.Sprintf("%s, but without module %s, which the suite wants", job.Result, name)
		case job.Modules[i].Result == "passed", job.Modules[i].Result == "softfailed" && rules.Softfailed:
		default:
			return fmt.Sprintf("%s, but its module %s, which the suite wants, is %s", job.Result, name, job.Modules[i].Result)
		}
	}
	return ""
}

// judgeModule says how a module counts; none that did not run.
func judgeModule(m Module, rules Rules) Outcome {
	switch {
	case m.Result == "passed":
		return Passed
	case m.Result == "none" || m.Result == "skipped" || m.Result == "running" || m.Result == "":
		return Pending
	case m.Result == "softfailed" && rules.Softfailed, slices.Contains(m.Flags, "ignore_failure"):
		return Warned
	}
	return Failed
}

// whole is the outcome of several: the worst.
func whole(outcomes []Outcome) Outcome {
	for _, worst := range []Outcome{Pending, Failed, Warned} {
		if slices.Contains(outcomes, worst) {
			return worst
		}
	}
	return Passed
}
