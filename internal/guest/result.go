package guest

import "time"

// Status is how a test of a guest ended.
type Status string

// The statuses. Denied and Flaky are passes that somebody should look at, and so is
// Revived: a denied test that passes again, whose entry may go.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Flaky   Status = "flaky"   // failed, and passed when it ran again
	Denied  Status = "denied"  // failed, as its denylist entry says
	Revived Status = "revived" // passed, though a denylist entry says that it fails
	Skipped Status = "skipped" // did not run: the guest was not there for it
)

// Good says whether the status lets an image pass.
func (s Status) Good() bool { return s != Failed && s != Skipped }

// TestResult is how one test of a plan ended.
type TestResult struct {
	Name   string        `json:"name"`
	Status Status        `json:"status"`
	Reason string        `json:"reason,omitempty"` // why it failed, is denied, or what changed; one line
	Detail string        `json:"detail,omitempty"` // what it saw, in full
	Time   time.Duration `json:"time"`             // of all its attempts, in nanoseconds
	Files  []string      `json:"files,omitempty"`  // artifacts of it: screenshot, console, journal; relative to the artifacts' folder
}

// Timing is how long a part of the boot took.
type Timing struct {
	Part string        `json:"part"` // firmware, loader, kernel, initrd, userspace; answered is from the start of the machine to its first answer
	Time time.Duration `json:"time"` // in nanoseconds
}

// Run is how all tests of one guest went: what JUnit, the HTML report and evidence are made from.
type Run struct {
	Name        string       `json:"name"`             // of the plan
	Guest       string       `json:"guest"`            // what was tested, for people: a file's name or an image
	Digest      string       `json:"digest,omitempty"` // of it: sha256:HEX
	Started     time.Time    `json:"started"`
	Finished    time.Time    `json:"finished"`
	Tests       []TestResult `json:"tests"` // "boot" and "console" are tests too
	Timings     []Timing     `json:"timings,omitempty"`
	Command     []string     `json:"command,omitempty"`     // starts the same guest by hand
	Environment []Fact       `json:"environment,omitempty"` // accelerator, firmware, memory, versions
	Files       []string     `json:"files,omitempty"`       // artifacts of the whole run: console log, journal, screenshots, plot; relative
}

// Fact is a word about a run and its value.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Good says whether the guest passed: it was tested, and every test ended well.
func (r *Run) Good() bool {
	for _, test := range r.Tests {
		if !test.Status.Good() {
			return false
		}
	}
	return len(r.Tests) > 0
}
