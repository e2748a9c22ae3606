package flowcmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/prow/flow"
	"slipway.dev/slipway/prow/local"
)

// pretender runs jobs by saying how their containers ended.
type pretender struct {
	t     *testing.T
	fails map[string]int // container → exit code
	calls []string
	mute  string // a job that cannot even begin
}

func (p *pretender) run(_ context.Context, env cli.Env) int {
	p.calls = append(p.calls, strings.Join(env.Args, " "))
	name := env.Args[1]
	if name == p.mute {
		return cli.ExitFailed
	}
	g, err := flow.Find(load(p.t), "demo/2")
	if err != nil {
		p.t.Fatal(err)
	}
	result := local.Result{State: prowapi.SuccessState, Reason: "exit code 0", Output: "/out/" + name}
	code := 0
	for _, s := range g.Stages {
		if g.JobName(s) != name {
			continue
		}
		for _, build := range runs(g, s) {
			c := g.Container(s, build)
			result.Containers = append(result.Containers, local.Container{Name: c, ExitCode: p.fails[c]})
			if p.fails[c] != 0 {
				code, result.State = cli.ExitFailed, prowapi.FailureState
			}
		}
	}
	if err := json.NewEncoder(env.Stdout).Encode(result); err != nil {
		p.t.Fatal(err)
	}
	return code
}

func load(t *testing.T) []*flow.Project {
	t.Helper()
	projects, err := flow.LoadFolder("testdata")
	if err != nil {
		t.Fatal(err)
	}
	return projects
}

// call runs slipway flow, and returns its exit code and both outputs.
func call(t *testing.T, job runJob, args ...string) (code int, out, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := cli.Env{Args: append(args, "--flows=testdata"), Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return "" }}
	code = cli.Run(t.Context(), env, group(env, job))
	return code, stdout.String(), stderr.String()
}

// states are those of a table of builds.
func states(out string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 3 && fields[0] != "BUILD" && !strings.HasSuffix(fields[0], ":") {
			all[fields[0]] = fields[1]
		}
	}
	return all
}

func TestListAndShow(t *testing.T) {
	code, out, _ := call(t, nil, "list")
	for _, want := range []string{"demo/1", "demo/2", "demo/presubmit", "1 dev", "2 canary", "release-1", "6, 5 of them here", "presubmit, try"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("list: exit code %d, no %q in\n%s", code, want, out)
		}
	}
	code, out, _ = call(t, nil, "show", "demo/2")
	for _, want := range []string{"demo.2.one", "one two", "not here yet: image coffee comes with the kettle"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("show: exit code %d, no %q in\n%s", code, want, out)
		}
	}
	if code, _, said := call(t, nil, "show", "demo/9"); code != cli.ExitMisused || !strings.Contains(said, "there are demo/1, demo/2, demo/presubmit") {
		t.Errorf("show of nothing: exit code %d, %s", code, said)
	}
}

func TestRun(t *testing.T) {
	tests := []struct {
		name   string
		job    pretender
		args   []string
		code   int
		jobs   int
		states map[string]string
		said   string
	}{
		{"all that is here", pretender{}, nil, 0, 3,
			map[string]string{"one": "done", "two": "done", "three": "done", "sign": "done", "publish": "done", "brew": "waits"}, ""},
		{"one fails", pretender{fails: map[string]int{"one": 3, "three": 1}}, nil, 1, 1,
			map[string]string{"one": "failed", "two": "done", "three": "failed", "sign": "waits", "publish": "waits", "brew": "waits"}, "one, three failed"},
		{"a job cannot begin", pretender{mute: "demo.2.sign"}, nil, 1, 2,
			map[string]string{"one": "done", "two": "done", "three": "done", "sign": "failed", "publish": "waits", "brew": "waits"}, "sign failed"},
		{"one build", pretender{}, []string{"--build=sign"}, 0, 2,
			map[string]string{"one": "done", "two": "done", "three": "done", "sign": "done", "publish": "left", "brew": "left"}, ""},
		{"one that is not here", pretender{}, []string{"--build=brew"}, 0, 2,
			map[string]string{"one": "done", "two": "done", "three": "done", "sign": "done", "publish": "left", "brew": "waits"}, ""},
		{"dry run", pretender{}, []string{"--dry-run"}, 0, 0, map[string]string{"one": "would", "two": "would", "three": "would", "sign": "would", "publish": "would", "brew": "waits"}, ""},
		{"no such build", pretender{}, []string{"--build=tea"}, 2, 0, map[string]string{}, "has no build tea"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.job.t = t
			folder := t.TempDir()
			args := append([]string{"run", "demo/2", "--output-dir=" + folder, "--store=" + folder + "-store", "--repo=../demo"}, tt.args...)
			code, out, said := call(t, tt.job.run, args...)
			if code != tt.code || !strings.Contains(said, tt.said) || len(tt.job.calls) != tt.jobs {
				t.Errorf("exit code %d, want %d; %d jobs, want %d; %s", code, tt.code, len(tt.job.calls), tt.jobs, said)
			}
			if diff := cmp.Diff(tt.states, states(out)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, out)
			}
			for _, c := range tt.job.calls {
				if !strings.Contains(c, "--repo=../demo") || !strings.Contains(c, "--volume=store="+folder+"-store") {
					t.Errorf("job was run by %s", c)
				}
			}
			report, err := os.ReadFile(filepath.Join(folder, "junit_flow.xml"))
			if (err == nil) != (tt.jobs > 0) || err == nil && strings.Contains(string(report), "<failure") != (tt.code == 1) {
				t.Errorf("the report: %v\n%s", err, report)
			}
		})
	}
}

// A run's folder is its own.
func TestRunRefusesAFullFolder(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "mine"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	job := pretender{t: t}
	code, _, said := call(t, job.run, "run", "demo/2", "--output-dir="+folder)
	if code != cli.ExitMisused || !strings.Contains(said, "holds mine already") || len(job.calls) > 0 {
		t.Errorf("exit code %d, %s, %v", code, said, job.calls)
	}
}

// An interrupt is the exit code of the job that it ended, and nothing more begins.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	calls := 0
	job := func(_ context.Context, env cli.Env) int {
		calls++
		cancel(cli.Interrupted{Signal: os.Interrupt})
		fmt.Fprint(env.Stdout, `{"state": "aborted", "reason": "aborted: interrupted by SIGINT", "containers": [{"name": "one", "exit_code": 130}, {"name": "two"}, {"name": "three", "exit_code": -1}]}`)
		return 130
	}
	var stdout, stderr bytes.Buffer
	env := cli.Env{Args: []string{"run", "demo/2", "--flows=testdata", "--output-dir=" + t.TempDir()}, Stdout: &stdout, Stderr: &stderr}
	if code := cli.Run(ctx, env, group(env, job)); code != 130 || calls != 1 {
		t.Errorf("exit code %d after %d jobs\n%s%s", code, calls, &stdout, &stderr)
	}
}
