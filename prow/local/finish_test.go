package local

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
)

// exited is the status of a container that ran for a while.
func exited(name string, code int32, ran time.Duration, message string) corev1.ContainerStatus {
	start := time.Date(2026, 11, 21, 16, 0, 0, 0, time.UTC)
	return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Message: message, StartedAt: metav1.Time{Time: start}, FinishedAt: metav1.Time{Time: start.Add(ran)},
	}}}
}

func TestResultOf(t *testing.T) {
	fatal := `{"level":"info","msg":"first"}` + "\n" + `{"error":"cloning the appropriate refs failed","level":"fatal","msg":"Failed to initialize job"}` + "\n"
	list := func(s ...corev1.ContainerStatus) []corev1.ContainerStatus { return s }
	cloned, uploaded := exited("clonerefs", 0, time.Second, ""), exited("sidecar", 0, time.Second, "")
	tests := []struct {
		name  string
		init  []corev1.ContainerStatus
		run   []corev1.ContainerStatus
		cause error
		want  Result
	}{
		{"success", list(cloned), list(exited("test", 0, time.Second, ""), uploaded), nil,
			Result{State: prowapi.SuccessState, Reason: "exit code 0"}},
		{"failure", list(cloned), list(exited("test", 3, time.Second, "last words"), uploaded), nil,
			Result{State: prowapi.FailureState, Reason: "exit code 3"}},
		{"timeout", list(cloned), list(exited("test", 127, 5*time.Second, ""), uploaded), nil,
			Result{State: prowapi.FailureState, Reason: "timeout after 5s", TimedOut: true}},
		{"unknown command", list(cloned), list(exited("test", 127, 2*time.Second, ""), uploaded), nil,
			Result{State: prowapi.FailureState, Reason: "exit code 127"}},
		{"sidecar fails", list(cloned), list(exited("test", 0, time.Second, ""), exited("sidecar", 1, time.Second, "")), nil,
			Result{State: prowapi.FailureState, Reason: "container sidecar: exit code 1"}},
		{"init fails", list(exited("clonerefs", 1, time.Second, fatal)), nil, nil,
			Result{State: prowapi.FailureState, Reason: "init container clonerefs: exit code 1: Failed to initialize job: cloning the appropriate refs failed"}},
		{"a container is lost", list(cloned), list(exited("test", 0, time.Second, "")), nil,
			Result{State: prowapi.ErrorState, Reason: "container sidecar did not finish"}},
		{"aborted", list(cloned), list(exited("test", 130, time.Second, ""), uploaded), errors.New("interrupted by interrupt"),
			Result{State: prowapi.AbortedState, Reason: "aborted: interrupted by interrupt"}},
		{"no word of its end", list(cloned), list(exited("test", 127, time.Second, "")), &MarkerError{"test", syscall.ENOSPC},
			Result{State: prowapi.ErrorState, Reason: "container test has ended, and sidecar cannot be told: no space left on device; make room and run the job again"}},
		{"never started", nil, nil, &OverdueError{After: 10 * time.Minute},
			Result{State: prowapi.ErrorState, TimedOut: true, Reason: "pod pending timeout: its containers had not started after 10m0s"}},
		{"never ended", list(cloned), list(exited("test", 0, time.Second, "")), &OverdueError{After: time.Hour, Running: true},
			Result{State: prowapi.AbortedState, TimedOut: true, Reason: "pod running timeout: it did not end by itself within 1h0m0s"}},
	}
	plan := Plan{Local: podOf([]string{"clonerefs"}, "test", "sidecar")}
	plan.ProwJob.Spec.DecorationConfig = &prowapi.DecorationConfig{Timeout: &prowapi.Duration{Duration: 5 * time.Second}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ResultOf(plan, corev1.PodStatus{InitContainerStatuses: tt.init, ContainerStatuses: tt.run})
			if tt.cause != nil {
				got = got.EndedBy(tt.cause)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(Result{}, "Started", "Finished", "Containers")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	failed := ResultOf(plan, corev1.PodStatus{InitContainerStatuses: list(exited("clonerefs", 1, 0, ""))})
	want := []Container{{"clonerefs", true, 1}, {"test", false, -1}, {"sidecar", false, -1}}
	if diff := cmp.Diff(want, failed.Containers); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
}

// What the pod wrote stays; what it could not write is written for it, and says so.
func TestWriteFinished(t *testing.T) {
	now := time.Date(2026, 11, 21, 16, 0, 0, 0, time.UTC)
	tests := []struct {
		name, left string // what the pod left as finished.json
		want       map[string]any
	}{
		{"the pod's own", `{"result":"FAILURE"}`, map[string]any{"result": "FAILURE"}},
		{"none", "", map[string]any{"timestamp": 1795276800., "passed": false, "result": "error", "metadata": map[string]any{"uploader": "crier"}}},
		{"half of one", `{"resu`, map[string]any{"timestamp": 1795276800., "passed": false, "result": "error", "metadata": map[string]any{"uploader": "crier"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan := Plan{Pod: podOf(nil, "test"), Local: podOf(nil, "test"), Output: t.TempDir()}
			plan.Local.Labels = map[string]string{"a": "secret"}
			if tt.left != "" {
				if err := os.WriteFile(filepath.Join(plan.Output, "finished.json"), []byte(tt.left), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			result := Result{State: prowapi.ErrorState, Reason: "the disk is full", Started: now, Finished: now}
			if err := WriteFinished(plan, result, corev1.PodStatus{Phase: corev1.PodFailed}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, readJSON[map[string]any](t, plan, "finished.json")); diff != "" {
				t.Errorf("finished.json (-want +got):\n%s", diff)
			}
			if pj := readJSON[prowapi.ProwJob](t, plan, "prowjob.json"); pj.Status.State != prowapi.ErrorState || pj.Status.Description != result.Reason {
				t.Errorf("prowjob.json has status %+v", pj.Status)
			}
			info := readJSON[struct{ Pod corev1.Pod }](t, plan, "podinfo.json")
			if info.Pod.Status.Phase != corev1.PodFailed || info.Pod.Labels != nil {
				t.Errorf("podinfo.json is of the pod %+v", info.Pod)
			}
			if started := readJSON[map[string]any](t, plan, "started.json"); started["timestamp"] != 1795276800. {
				t.Errorf("started.json is %v", started)
			}
		})
	}
}

func readJSON[T any](t *testing.T, plan Plan, name string) (value T) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(plan.Output, name))
	if err == nil {
		err = json.Unmarshal(data, &value)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}
