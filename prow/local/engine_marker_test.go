package local

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
)

// killEntrypoint runs a script in a job, and kills the job's entrypoint, as a kernel
// out of memory does, when the script is ready.
func (r *rig) killEntrypoint(t *testing.T, script string) (Plan, Result, string) {
	plan := r.plan(t, nil, r.script("", script+"; echo ready; sleep 1000"))
	var log buffer
	done := make(chan Result)
	go func() {
		result, err := r.engine(plan).Run(t.Context(), plan, &log)
		if err != nil {
			t.Error(err)
		}
		done <- result
	}()
	log.await(t, "| ready")
	pods, err := filepath.Glob(filepath.Join(runs(plan), "slipway-*"))
	if err != nil || len(pods) != 1 {
		t.Fatalf("the runs are %v, %v", pods, err)
	}
	began := time.Now()
	if err := r.podman.Signal(t.Context(), "KILL", filepath.Base(pods[0])+"-test"); err != nil {
		t.Error(err)
	}
	result := <-done
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the pod went on for %s", took)
	}
	return plan, result, r.check(t, plan, &log)
}

// The end of an entrypoint ends the pod, and what the job left is kept.
func (r *rig) testEntrypointKilled(t *testing.T) {
	plan, result, log := r.killEntrypoint(t, "echo made > $ARTIFACTS/made")
	if result.State != prowapi.FailureState || result.Reason != "exit code 137" {
		t.Errorf("got %+v", result)
	}
	if finished := readJSON[map[string]any](t, plan, "finished.json"); finished["result"] != "FAILURE" || finished["metadata"] != nil {
		t.Errorf("finished.json is %v", finished)
	}
	if !slices.Contains(files(t, plan), "artifacts/made") {
		t.Errorf("the job left %v", files(t, plan))
	}
	if !strings.Contains(log, "container test has ended without telling sidecar") {
		t.Errorf("nothing is said of it:\n%s", log)
	}
}

// The pod ends as well if sidecar cannot be told, since the disk is full for instance.
func (r *rig) testNoWord(t *testing.T) {
	_, result, _ := r.killEntrypoint(t, "mkdir -p /logs/marker-file.txt.slipway/in/the/way")
	if result.State != prowapi.ErrorState || !strings.HasPrefix(result.Reason, "container test has ended, and sidecar cannot be told: open ") {
		t.Errorf("got %+v", result)
	}
}

// Without sidecar there is nobody to tell.
func TestMarkersOfBarePod(t *testing.T) {
	if waiter, markers := markersOf(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "test"}}}}); waiter != "" || markers != nil {
		t.Errorf("got %q, %v", waiter, markers)
	}
}
