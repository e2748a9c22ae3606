package local

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/exec"
)

func TestPodman(t *testing.T) {
	r := newRig(t)
	tests := []struct {
		name string
		run  func(*rig, *testing.T)
	}{
		{"success", (*rig).testSuccess}, {"failure", (*rig).testFailure}, {"timeout", (*rig).testTimeout}, {"abort", (*rig).testAbort},
		{"abort while an init container runs", (*rig).testAbortInit}, {"init failure", (*rig).testInitFailure},
		{"two containers", (*rig).testTwoContainers}, {"big output", (*rig).testBigOutput}, {"two at once", (*rig).testTwoAtOnce},
		{"overdue", (*rig).testOverdue}, {"pending for too long", (*rig).testPending}, {"image missing", (*rig).testImageMissing},
		{"cannot start", (*rig).testCannotStart}, {"cannot prepare", (*rig).testCannotPrepare}, {"killed", (*rig).testKilled}, {"another user", (*rig).testAnotherUser},
		{"entrypoint killed", (*rig).testEntrypointKilled}, {"no word to sidecar", (*rig).testNoWord},
	}
	t.Run("runs", func(t *testing.T) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				test.run(r, t)
			})
		}
	})
	r.nothingLeft(t)
}

func (r *rig) testSuccess(t *testing.T) {
	plan := r.plan(t, []corev1.Container{r.script("first", "echo preparing")},
		r.script("", "echo hello; echo error >&2; echo made > $ARTIFACTS/made; [ $BUILD_ID = 1 ]"))
	before := time.Now()
	result, log := r.run(t, r.engine(plan), plan)
	want := Result{State: prowapi.SuccessState, Reason: "exit code 0", Output: plan.Output, Started: result.Started, Finished: result.Finished,
		Containers: []Container{{"first", true, 0}, {"initupload", true, 0}, {"place-entrypoint", true, 0}, {"test", false, 0}, {"sidecar", false, 0}}}
	if diff := cmp.Diff(want, result); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if result.Started.Before(before) || result.Finished.Before(result.Started) || time.Now().Before(result.Finished) {
		t.Errorf("it ran from %s to %s", result.Started, result.Finished)
	}
	wantFiles := []string{"artifacts/made", "build-log.txt", "finished.json", "podinfo.json", "prowjob.json", "sidecar-logs.json", "started.json"}
	if diff := cmp.Diff(wantFiles, files(t, plan)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if finished := readJSON[map[string]any](t, plan, "finished.json"); finished["result"] != "SUCCESS" || finished["metadata"] != nil {
		t.Errorf("finished.json is %v", finished)
	}
	pj := readJSON[prowapi.ProwJob](t, plan, "prowjob.json")
	if pj.Status.State != prowapi.SuccessState || pj.Status.CompletionTime == nil || pj.Status.PodName != plan.Local.Name {
		t.Errorf("prowjob.json has the status %+v", pj.Status)
	}
	info := readJSON[struct{ Pod corev1.Pod }](t, plan, "podinfo.json")
	if info.Pod.Name != plan.Pod.Name || info.Pod.Status.Phase != corev1.PodSucceeded || len(info.Pod.Status.ContainerStatuses) != 2 {
		t.Errorf("podinfo.json has the status %+v", info.Pod.Status)
	}
	if got := said(log, "test"); got != "hello\nerror\n" {
		t.Errorf("the test container said %q in:\n%s", got, log)
	}
	if !strings.Contains(log, "first              preparing\n") {
		t.Errorf("the init container is not in the log:\n%s", log)
	}
}

func (r *rig) testFailure(t *testing.T) {
	plan := r.plan(t, nil, r.script("", "printf 'no end of line'; exit 3"))
	result, log := r.run(t, r.engine(plan), plan)
	if result.State != prowapi.FailureState || result.Reason != "exit code 3" || codes(result)["test"] != 3 {
		t.Errorf("got %+v", result)
	}
	if finished := readJSON[map[string]any](t, plan, "finished.json"); finished["result"] != "FAILURE" {
		t.Errorf("finished.json is %v", finished)
	}
	if !strings.HasPrefix(said(log, "test"), "no end of line") {
		t.Errorf("the test container said %q", said(log, "test"))
	}
}

func (r *rig) testTimeout(t *testing.T) {
	plan := r.plan(t, nil, r.script("", "echo begun; sleep 60"))
	plan.ProwJob.Spec.DecorationConfig.Timeout = duration(2 * time.Second)
	plan = r.decorated(t, plan)
	result, _ := r.run(t, r.engine(plan), plan)
	if result.State != prowapi.FailureState || result.Reason != "timeout after 2s" || !result.TimedOut {
		t.Errorf("got %+v", result)
	}
	if build, err := os.ReadFile(filepath.Join(plan.Output, "build-log.txt")); err != nil || !strings.HasPrefix(string(build), "begun\n") {
		t.Errorf("build-log.txt: %q, %v", build, err)
	}
}

func (r *rig) testInitFailure(t *testing.T) {
	plan := r.plan(t, []corev1.Container{r.script("prepare", "echo there is no such thing; exit 4")}, r.script("", "true"))
	result, log := r.run(t, r.engine(plan), plan)
	if result.State != prowapi.FailureState || result.Reason != "init container prepare: exit code 4: there is no such thing" {
		t.Errorf("got %+v", result)
	}
	if diff := cmp.Diff(map[string]int{"prepare": 4, "initupload": -1, "place-entrypoint": -1, "test": -1, "sidecar": -1}, codes(result)); diff != "" {
		t.Errorf("exit codes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"finished.json", "podinfo.json", "prowjob.json", "started.json"}, files(t, plan)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if !strings.Contains(log, "there is no such thing\n") {
		t.Errorf("the log does not say why:\n%s", log)
	}
}

func (r *rig) testTwoContainers(t *testing.T) {
	plan := r.plan(t, nil, r.script("one", "echo 1; sleep 1"), r.script("two", "echo 2; exit 7"))
	result, log := r.run(t, NewPodman(r.podman, PodmanConfig{Runs: runs(plan), Quiet: 300 * time.Millisecond}), plan)
	if !strings.Contains(log, "and is still there\n") {
		t.Errorf("nothing was said meanwhile:\n%s", log)
	}
	if result.State != prowapi.FailureState || result.Reason != "container two: exit code 7" {
		t.Errorf("got %+v", result)
	}
	if said(log, "one") != "1\n" || !strings.HasPrefix(said(log, "two"), "2\n") {
		t.Errorf("one said %q, two %q", said(log, "one"), said(log, "two"))
	}
	for _, name := range []string{"one-build-log.txt", "two-build-log.txt"} {
		if !slices.Contains(files(t, plan), name) {
			t.Errorf("there is no %s in %v", name, files(t, plan))
		}
	}
}

// Five megabytes of lines, one of them a megabyte long, of any bytes, come out as the
// job said them.
func (r *rig) testBigOutput(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	text := make([]byte, 5<<20)
	for i := range text {
		if text[i] = byte(random.UintN(256)); text[i] == '\n' && i > 1<<20 && i < 2<<20 {
			text[i] = '\r'
		}
	}
	text = append(text, '\n')
	plan := r.plan(t, nil, r.script("", "cat /data/text"))
	plan.Local.Spec.Volumes = append(plan.Local.Spec.Volumes, corev1.Volume{Name: "data",
		VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: filepath.Dir(newFile(t, "text", text))}}})
	test := &plan.Local.Spec.Containers[0]
	test.VolumeMounts = append(test.VolumeMounts, corev1.VolumeMount{Name: "data", MountPath: "/data"})
	result, log := r.run(t, r.engine(plan), plan)
	if result.State != prowapi.SuccessState {
		t.Errorf("got %+v", result)
	}
	var want strings.Builder
	for line := range bytes.Lines(text) {
		want.WriteString("test             | ")
		want.Write(line)
	}
	if !strings.Contains(log, want.String()) {
		t.Errorf("the log of %d bytes does not hold the output's %d", len(log), want.Len())
	}
}

// Two runs share neither their volumes nor what they leave.
func (r *rig) testTwoAtOnce(t *testing.T) {
	var both sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		plan := r.plan(t, nil, r.script("", "sleep 0.5; touch $ARTIFACTS/"+name+"; ls /logs/artifacts"))
		both.Go(func() {
			var log buffer
			result, err := r.engine(plan).Run(t.Context(), plan, &log)
			if err != nil || result.State != prowapi.SuccessState || said(log.String(), "test") != name+"\n" {
				t.Errorf("%s: %+v, %v:\n%s", name, result, err, &log)
			}
		})
	}
	both.Wait()
}

// A job that runs as another user leaves files that are the caller's.
func (r *rig) testAnotherUser(t *testing.T) {
	plan := r.plan(t, nil, r.script("", "id -u; touch $ARTIFACTS/mine"))
	uid := int64(1234)
	plan.ProwJob.Spec.DecorationConfig.RunAsUser = &uid
	plan = r.decorated(t, plan)
	result, log := r.run(t, r.engine(plan), plan)
	if result.State != prowapi.SuccessState || said(log, "test") != "1234\n" {
		t.Errorf("got %+v", result)
	}
	if info, err := os.Stat(plan.Output); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the output folder is open to all: %v, %v", info.Mode(), err)
	}
	out, err := exec.Output(t.Context(), exec.Cmd{Args: []string{"find", plan.Output, "-uid", "1234"}})
	if err != nil || len(out) > 0 || !slices.Contains(files(t, plan), "artifacts/mine") {
		t.Errorf("still another's: %s, %v", out, err)
	}
}
