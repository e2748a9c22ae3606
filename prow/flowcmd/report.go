package flowcmd

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/junit"
	"slipway.dev/slipway/prow/flow"
	"slipway.dev/slipway/prow/local"
)

// state is how a build of a run stands.
type state string

const (
	planned state = "would run"
	done    state = "done"
	failed  state = "failed"
	waits   state = "waits" // its image, or something that it needs, is not here or failed
	left    state = "left"  // not asked for
)

// row is one build of a run.
type row struct {
	Build    string        `json:"build"`
	Job      string        `json:"job"`
	State    state         `json:"state"`
	Why      string        `json:"why,omitempty"`
	Duration time.Duration `json:"duration_ns,omitempty"` // of the job
	Files    string        `json:"files,omitempty"`
}

// report is what a run came to.
type report struct {
	Flow   string `json:"flow"`
	Output string `json:"output,omitempty"`
	Builds []row  `json:"builds"`
	code   int    // the worst job's exit code
}

// plan is the report of a run that has not begun.
func plan(g flow.Graph) report {
	r := report{Flow: g.String()}
	for _, s := range g.Stages {
		for _, n := range g.Nodes {
			if n.Stage != s.Name {
				continue
			}
			made := row{Build: n.Build, Job: g.JobName(s), State: planned}
			switch {
			case n.Waits == flow.NotAsked:
				made.State = left
			case n.Waits != "":
				made.State, made.Why = waits, notHere(n)
			}
			r.Builds = append(r.Builds, made)
		}
	}
	return r
}

// row finds a build's.
func (r *report) row(build string) *row {
	return &r.Builds[slices.IndexFunc(r.Builds, func(b row) bool { return b.Build == build })]
}

// blocked says whether a stage needs a build that did not end well, and notes it. All
// of the stage waits then: it is one job.
func (r *report) blocked(g flow.Graph, s flow.Stage) bool {
	why := ""
	for _, build := range runs(g, s) {
		n, _ := g.Node(build)
		for _, needed := range n.Needs() {
			if other := r.row(needed); why == "" && (other.State == failed || other.State == waits) {
				why = "it waits for " + needed
			}
		}
	}
	if why == "" {
		return false
	}
	for _, build := range runs(g, s) {
		r.row(build).State, r.row(build).Why = waits, why
	}
	return true
}

// take notes how a stage's job ended, for each build that ran in it.
func (r *report) take(g flow.Graph, s flow.Stage, result local.Result, code int, err error) {
	if code != cli.ExitDone || err != nil {
		r.code = max(r.code, code, cli.ExitFailed)
	}
	for _, build := range runs(g, s) {
		b := r.row(build)
		b.State, b.Files, b.Duration = done, result.Output, result.Finished.Sub(result.Started)
		name := g.Container(s, build)
		at := slices.IndexFunc(result.Containers, func(c local.Container) bool { return c.Name == name })
		switch {
		case err != nil:
			b.State, b.Why = failed, err.Error()
		case at < 0 || result.Containers[at].ExitCode < 0:
			b.State, b.Why = failed, cmp.Or(result.Reason, "it never ran")
		case result.Containers[at].ExitCode != 0:
			b.State, b.Why = failed, fmt.Sprintf("exit code %d", result.Containers[at].ExitCode)
		case code != cli.ExitDone && len(runs(g, s)) == 1:
			b.State, b.Why = failed, result.Reason
		}
	}
}

// verdict is how the command ends.
func (r report) verdict() error {
	var bad []string
	ran := 0
	for _, b := range r.Builds {
		switch b.State {
		case failed:
			bad = append(bad, b.Build)
		case done:
			ran++
		}
	}
	switch {
	case len(bad) > 0:
		return &cli.ExitError{Code: r.code, Err: fmt.Errorf("%s: %s failed", r.Flow, strings.Join(bad, ", "))}
	case r.code != 0: // a step between stages
		return &cli.ExitError{Code: r.code, Err: fmt.Errorf("%s: its builds ended well, and a job of it did not; see its log", r.Flow)}
	case ran == 0:
		return fmt.Errorf("%s: nothing ran, since no build that was asked for is here yet", r.Flow)
	}
	return nil
}

// print is the table for people, and a line that sums it up.
func (r report) print(w io.Writer) {
	counts := map[state]int{}
	fmt.Fprintln(w, "\nBUILD\tSTATE\tWHY\tJOB")
	for _, b := range r.Builds {
		counts[b.State]++
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", b.Build, b.State, cmp.Or(b.Why, "-"), b.Job)
	}
	var parts []string
	for _, s := range []state{done, planned, failed, waits, left} {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	fmt.Fprintf(w, "\n%s: %s\n", r.Flow, strings.Join(parts, ", "))
	if r.Output != "" {
		fmt.Fprintf(w, "files: %s\n", r.Output)
	}
}

// write leaves the report in the run's folder, for scripts and for Spyglass.
func (r report) write(folder string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	suite := junit.Suite{Name: r.Flow}
	for _, b := range r.Builds {
		c := junit.Case{Name: b.Build, Class: b.Job, Time: b.Duration}
		switch b.State {
		case failed:
			c.Failure = &junit.Message{Line: b.Why}
		case waits, left:
			c.Skipped = &junit.Message{Line: cmp.Or(b.Why, string(b.State))}
		}
		suite.Cases = append(suite.Cases, c)
	}
	var results bytes.Buffer
	if err := junit.Write(&results, []junit.Suite{suite}); err != nil {
		return err
	}
	for name, data := range map[string][]byte{"flow.json": append(text, '\n'), "junit_flow.xml": results.Bytes()} {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			return fmt.Errorf("write the run's report: %w", err)
		}
	}
	return nil
}
