package gotest

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/checks/gotool"
)

// results is what is known of a run so far.
type results struct {
	module  gotool.Module
	folders map[string]string // import path → folder relative to the checkout
	stdout  io.Writer

	mu       sync.Mutex
	said     int // bytes of messages made so far
	packages map[string]*tested
	builds   map[string]*checks.Clipped // what compilers said, by ImportPath
	stray    checks.Clipped             // what belongs to no package
}

// tested is one package.
type tested struct {
	path    string
	tests   []*test          // in the order in which they began
	latest  map[string]*test // by name; with -count there are several of one name
	output  checks.Clipped
	build   string // the build that failed
	action  string // how the package ended; empty if it did not
	elapsed time.Duration
}

// test is one run of a test or subtest.
type test struct {
	name    string
	action  string // how it ended; empty if it did not
	elapsed time.Duration
	output  *checks.Clipped // nil once the test has passed
}

func newResults(m gotool.Module, packages []gotool.Package, stdout io.Writer) *results {
	r := &results{
		module: m, folders: map[string]string{}, stdout: stdout,
		packages: map[string]*tested{}, builds: map[string]*checks.Clipped{},
		stray: checks.Clipped{Max: checks.MaxText},
	}
	for _, p := range packages {
		r.folders[p.ImportPath] = checks.Relative(m.Root, m.Root, p.Dir)
	}
	return r
}

// add takes in one event.
func (r *results) add(ev event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case ev.Action == "build-output":
		if r.builds[ev.ImportPath] == nil {
			r.builds[ev.ImportPath] = &checks.Clipped{Max: checks.MaxText}
		}
		_, _ = io.WriteString(r.builds[ev.ImportPath], ev.Output)
	case ev.Package == "":
		_, _ = io.WriteString(&r.stray, ev.Output)
	case ev.Test == "":
		r.addPackage(r.pkg(ev.Package), ev)
	default:
		r.pkg(ev.Package).add(ev)
	}
}

func (r *results) pkg(path string) *tested {
	if r.packages[path] == nil {
		r.packages[path] = &tested{path: path, latest: map[string]*test{}, output: checks.Clipped{Max: checks.MaxText}}
	}
	return r.packages[path]
}

func (r *results) addPackage(p *tested, ev event) {
	switch ev.Action {
	case "output":
		_, _ = io.WriteString(&p.output, ev.Output)
	case "pass", "fail", "skip":
		p.action, p.build, p.elapsed = ev.Action, ev.FailedBuild, duration(ev.Elapsed)
		fmt.Fprintln(r.stdout, p.line())
	}
}

// line is what a package's end is worth in the job's log.
func (p *tested) line() string {
	verdict := map[string]string{"pass": "ok  ", "fail": "FAIL", "skip": "?   "}[p.action]
	return fmt.Sprintf("%s %s %d tests %.2fs", verdict, p.path, len(p.tests), p.elapsed.Seconds())
}

func (p *tested) add(ev event) {
	t := p.latest[ev.Test]
	if t == nil || ev.Action == "run" {
		t = &test{name: ev.Test, output: &checks.Clipped{Max: checks.MaxText}}
		p.tests, p.latest[ev.Test] = append(p.tests, t), t
	}
	switch ev.Action {
	case "output":
		if t.output != nil && !strings.HasPrefix(ev.Output, "=== ") {
			_, _ = io.WriteString(t.output, ev.Output)
		}
	case "pass":
		t.output = nil // the log has it
		fallthrough
	case "fail", "skip":
		t.action, t.elapsed = ev.Action, duration(ev.Elapsed)
	}
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// running names packages that have begun and not ended.
func (r *results) running() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, p := range slices.Sorted(maps.Keys(r.packages)) {
		if r.packages[p].action == "" {
			names = append(names, p)
		}
	}
	return strings.Join(names, ", ")
}
