package local

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/podman"
)

var errCalledOff = errors.New("interrupted by interrupt")

// abort runs a plan and aborts it when its log holds text.
func (r *rig) abort(t *testing.T, plan Plan, text string) Result {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	var log buffer
	var result Result
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		result, err = r.engine(plan).Run(ctx, plan, &log)
	}()
	log.await(t, text)
	began := time.Now()
	cancel(errCalledOff)
	<-done
	if took := time.Since(began); err != nil || took > 30*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
	if result.State != prowapi.AbortedState || result.Reason != "aborted: interrupted by interrupt" {
		t.Errorf("got %+v", result)
	}
	r.check(t, plan, &log)
	return result
}

func (r *rig) testAbort(t *testing.T) {
	plan := r.plan(t, nil, r.script("", "trap 'echo tidied > $ARTIFACTS/tidied; exit 0' INT TERM; echo ready; while true; do sleep 0.1; done"))
	result := r.abort(t, plan, "| ready")
	if diff := cmp.Diff(map[string]int{"initupload": 0, "place-entrypoint": 0, "test": 130, "sidecar": 0}, codes(result)); diff != "" {
		t.Errorf("exit codes (-want +got):\n%s", diff)
	}
	if finished := readJSON[map[string]any](t, plan, "finished.json"); finished["result"] != "ABORTED" {
		t.Errorf("finished.json is %v", finished)
	}
	if pj := readJSON[prowapi.ProwJob](t, plan, "prowjob.json"); pj.Status.State != prowapi.AbortedState {
		t.Errorf("prowjob.json has the status %+v", pj.Status)
	}
	if !slices.Contains(files(t, plan), "artifacts/tidied") {
		t.Errorf("the job could not tidy up: it left %v", files(t, plan))
	}
}

func (r *rig) testAbortInit(t *testing.T) {
	plan := r.plan(t, []corev1.Container{r.script("slow", "trap 'exit 5' TERM; echo waiting; while true; do sleep 0.1; done")}, r.script("", "true"))
	result := r.abort(t, plan, "waiting")
	if diff := cmp.Diff(map[string]int{"slow": 5, "initupload": -1, "place-entrypoint": -1, "test": -1, "sidecar": -1}, codes(result)); diff != "" {
		t.Errorf("exit codes (-want +got):\n%s", diff)
	}
	if finished := readJSON[map[string]any](t, plan, "finished.json"); finished["result"] != "aborted" {
		t.Errorf("finished.json is %v", finished)
	}
}

// A pod whose utilities do not end it is ended by the engine.
func (r *rig) testOverdue(t *testing.T) {
	plan := r.plan(t, nil, r.script("", "true"))
	plan.ProwJob.Spec.DecorationConfig.Timeout = duration(500 * time.Millisecond)
	plan.ProwJob.Spec.DecorationConfig.GracePeriod = duration(500 * time.Millisecond)
	plan = r.decorated(t, plan)
	stuck := r.script("stuck", "trap '' TERM; sleep 1000; sleep 1000")
	plan.Local.Spec.Containers = append(plan.Local.Spec.Containers, stuck)
	result, _ := r.run(t, NewPodman(r.podman, PodmanConfig{Runs: runs(plan), Margin: time.Second}), plan)
	if result.State != prowapi.AbortedState || !result.TimedOut || codes(result)["stuck"] != 137 || codes(result)["sidecar"] != 0 {
		t.Errorf("got %+v", result)
	}
}

func (r *rig) testPending(t *testing.T) {
	plan := r.plan(t, []corev1.Container{r.script("slow", "trap 'exit 5' TERM; while true; do sleep 0.1; done")}, r.script("", "true"))
	result, _ := r.run(t, NewPodman(r.podman, PodmanConfig{Runs: runs(plan), Pending: 2 * time.Second}), plan)
	if result.State != prowapi.ErrorState || !result.TimedOut || codes(result)["test"] != -1 {
		t.Errorf("got %+v", result)
	}
}

// What a run leaves that was killed, the next run removes.
func (r *rig) testKilled(t *testing.T) {
	plan := r.plan(t, nil, r.script("", "echo ready; sleep 1000"))
	text, err := json.Marshal(child{plan, runs(plan)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, kill := context.WithCancel(t.Context())
	var log, next buffer
	ended := make(chan error)
	go func() {
		ended <- exec.Run(ctx, exec.Cmd{ // a grace of 0 kills
			Args: []string{os.Args[0], "-test.run=^TestPodmanChild$", "-test.v"}, Stdout: &log, Stderr: &log,
			Env: append(os.Environ(), "SLIPWAY_TEST_CHILD="+newFile(t, "child", text)),
		})
	}()
	log.await(t, "| ready")
	if err := r.engine(plan).sweep(t.Context(), NewLogs(&next, plan.Local)); err != nil || next.String() != "" {
		t.Errorf("a run that goes on was swept: %v, %s", err, &next)
	}
	kill()
	<-ended
	if left, _ := filepath.Glob(filepath.Join(runs(plan), "*")); len(left) != 1 {
		t.Errorf("the killed run left the marks %v", left)
	}
	var swept buffer
	if result, err := r.engine(plan).Run(t.Context(), r.plan(t, nil, r.script("", "true")), &swept); err != nil || result.State != prowapi.SuccessState {
		t.Errorf("the next run: %+v, %v", result, err)
	}
	if !strings.Contains(swept.String(), "which a killed run had left") {
		t.Errorf("the next run does not tell:\n%s", &swept)
	}
	r.check(t, plan, &swept)
}

// child is what a test's own process is to run.
type child struct {
	Plan Plan
	Runs string
}

// TestPodmanChild is the process that testKilled kills.
func TestPodmanChild(t *testing.T) {
	path := os.Getenv("SLIPWAY_TEST_CHILD")
	if path == "" {
		t.Skip("it is run by TestPodman")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var c child
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	p, err := podman.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(NewPodman(p, PodmanConfig{Runs: c.Runs}).Run(t.Context(), c.Plan, os.Stdout))
}
