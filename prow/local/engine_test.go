package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/pod-utils/decorate"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/podman"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/prow/podutils/podutilstest"
)

// rig is podman with an image of busybox and of the pod utilities.
type rig struct {
	podman *podman.Podman
	image  string
}

func newRig(t testing.TB) *rig {
	need.Root(t)
	need.Tool(t, "podman", "podman")
	need.Tool(t, "busybox", "busybox-static")
	p, err := podman.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{p, fmt.Sprintf("localhost/slipway-test-%x:latest", rand.Uint32())}
	folder := t.TempDir()
	r.fill(t, filepath.Join(folder, "root"))
	dockerfile := "FROM scratch\nCOPY root /\nENTRYPOINT [\"/pod-utilities\"]\n"
	if err := os.WriteFile(filepath.Join(folder, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := p.Output(t.Context(), "build", "--quiet", "--layers=false", "--network=none", "--tag", r.image, folder); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() {
		if err := p.Remove(context.Background(), r.image); err != nil {
			t.Error(err)
		}
	})
	return r
}

// fill makes the image's root: busybox, the pod utilities, and a folder for temporary files.
func (r *rig) fill(t testing.TB, root string) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]string{"bin/busybox": busybox, "pod-utilities": podutilstest.Program(t, "local")} {
		target := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := exec.Output(t.Context(), exec.Cmd{Args: []string{"cp", source, target}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, applet := range []string{"sh", "sleep", "echo", "cat", "kill", "true", "head", "tr", "ls", "touch", "id"} {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", applet)); err != nil {
			t.Fatal(err)
		}
	}
	tmp := filepath.Join(root, "tmp")
	if err := errors.Join(os.Mkdir(tmp, 0o700), os.Chmod(tmp, 0o777)); err != nil {
		t.Fatal(err)
	}
}

// script is a container of a job that runs a shell script.
func (r *rig) script(name, text string) corev1.Container {
	return corev1.Container{Name: name, Image: r.image, Command: []string{"sh", "-c", text}}
}

func duration(d time.Duration) *prowapi.Duration { return &prowapi.Duration{Duration: d} }

// plan is what the planner would make of a job with these containers.
func (r *rig) plan(t testing.TB, init []corev1.Container, containers ...corev1.Container) Plan {
	t.Helper()
	folder := t.TempDir()
	plan := Plan{Output: filepath.Join(folder, "output"), Scratch: filepath.Join(folder, "scratch")}
	plan.ProwJob = prowapi.ProwJob{
		ObjectMeta: metav1.ObjectMeta{Name: "4d1d9d8e-0001"},
		Spec: prowapi.ProwJobSpec{
			Type: prowapi.PeriodicJob, Agent: prowapi.KubernetesAgent, Job: "job",
			PodSpec: &corev1.PodSpec{InitContainers: init, Containers: containers},
			DecorationConfig: &prowapi.DecorationConfig{
				Timeout: duration(time.Minute), GracePeriod: duration(4 * time.Second),
				UtilityImages:    &prowapi.UtilityImages{CloneRefs: r.image, InitUpload: r.image, Entrypoint: r.image, Sidecar: r.image},
				GCSConfiguration: &prowapi.GCSConfiguration{Bucket: "bucket", PathStrategy: prowapi.PathStrategyExplicit},
			},
		},
		Status: prowapi.ProwJobStatus{BuildID: "1"},
	}
	return r.decorated(t, plan)
}

// decorated makes the plan's pods again, after a change of its ProwJob.
func (r *rig) decorated(t testing.TB, plan Plan) Plan {
	t.Helper()
	pod, err := decorate.ProwJobToPodLocal(plan.ProwJob, plan.Output)
	if err != nil {
		t.Fatal(err)
	}
	plan.Pod, plan.Local, plan.Files = pod, pod.DeepCopy(), nil
	for i, v := range plan.Local.Spec.Volumes {
		if v.EmptyDir != nil {
			path := filepath.Join(plan.Scratch, v.Name)
			plan.Files = append(plan.Files, File{Path: path, Mode: os.ModeDir | 0o777})
			plan.Local.Spec.Volumes[i].VolumeSource = corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: path}}
		}
	}
	for _, list := range [][]corev1.Container{plan.Local.Spec.InitContainers, plan.Local.Spec.Containers} {
		for i := range list {
			list[i].ImagePullPolicy = corev1.PullNever
		}
	}
	return plan
}

func (r *rig) engine(plan Plan) *Podman { return NewPodman(r.podman, PodmanConfig{Runs: runs(plan)}) }

// runs is a folder for the marks of a plan's runs that no other test looks at.
func runs(plan Plan) string { return plan.Output + "-runs" }

// run runs a plan and shows its log if the test fails.
func (r *rig) run(t *testing.T, e *Podman, plan Plan) (Result, string) {
	t.Helper()
	var log buffer
	result, err := e.Run(t.Context(), plan, &log)
	if err != nil {
		t.Errorf("run: %v", err)
	}
	return result, r.check(t, plan, &log)
}

// check tells of anything that a run left, and returns its log.
func (r *rig) check(t *testing.T, plan Plan, log *buffer) string {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("\n" + log.String())
		}
	})
	if left, _ := filepath.Glob(filepath.Join(runs(plan), "*")); len(left) > 0 {
		t.Errorf("the runs %v are still marked", left)
	}
	if _, err := os.Stat(plan.Scratch); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the scratch folder: %v", err)
	}
	return log.String()
}

// nothingLeft fails if podman knows a container of this rig's image.
func (r *rig) nothingLeft(t *testing.T) {
	t.Helper()
	out, err := r.podman.Output(t.Context(), "ps", "--all", "--filter", "ancestor="+r.image, "--format", "{{.Names}} {{.Status}}")
	if err != nil || len(out) > 0 {
		t.Errorf("podman still has %s (%v)", out, err)
	}
}

// buffer is a log that is written and read at once.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await waits until the log holds text.
func (b *buffer) await(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(b.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log does not say %q:\n%s", text, b)
		}
	}
}

// said is what one container said in a log.
func said(log, container string) string {
	var text strings.Builder
	for line := range strings.Lines(log) {
		if rest, found := strings.CutPrefix(line, container+" "); found {
			text.WriteString(strings.TrimLeft(rest, " ")[len("| "):])
		}
	}
	return text.String()
}

func codes(r Result) map[string]int {
	codes := map[string]int{}
	for _, c := range r.Containers {
		codes[c.Name] = c.ExitCode
	}
	return codes
}

func files(t *testing.T, plan Plan) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(plan.Output, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, strings.TrimPrefix(path, plan.Output+"/"))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	slices.Sort(names)
	return names
}

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
		{"cannot start", (*rig).testCannotStart}, {"killed", (*rig).testKilled}, {"another user", (*rig).testAnotherUser},
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

func newFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
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

func (r *rig) testImageMissing(t *testing.T) {
	plan := r.plan(t, nil, r.script("", "true"))
	plan.Local.Spec.Containers[0].Image = "slipway.dev/images/no-such-image:latest"
	result, err := r.engine(plan).Run(t.Context(), plan, io.Discard)
	want := "container test: image slipway.dev/images/no-such-image:latest is not on this machine; run `slipway image load` or `podman pull slipway.dev/images/no-such-image:latest`"
	if err == nil || err.Error() != want {
		t.Errorf("got %+v, %v; want %s", result, err, want)
	}
	if _, err := os.Stat(plan.Output); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was begun: %v", err)
	}
}

func (r *rig) testCannotStart(t *testing.T) {
	plan := r.plan(t, nil, r.script("", "true"))
	plan.Local.Spec.Containers[0].Command = []string{"/no/such/program"}
	var log buffer
	result, err := r.engine(plan).Run(t.Context(), plan, &log)
	if err == nil || !strings.Contains(err.Error(), "/no/such/program") || result.State != prowapi.ErrorState {
		t.Errorf("got %+v, %v", result, err)
	}
	if pj := readJSON[prowapi.ProwJob](t, plan, "prowjob.json"); pj.Status.State != prowapi.ErrorState {
		t.Errorf("prowjob.json has the status %+v", pj.Status)
	}
	r.check(t, plan, &log)
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

// A podman that does not work is told by its own words, with what would install it.
func TestPodmanBroken(t *testing.T) {
	need.Tool(t, "podman", "podman")
	real, err := exec.LookPath("podman")
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n[ $1 = kube ] && { echo Error: no cgroups here >&2; exit 125; }\nexec " + real + " \"$@\"\n"
	folder := filepath.Dir(newFile(t, "podman", []byte(script)))
	if err := os.Chmod(filepath.Join(folder, "podman"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	p, err := podman.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{p, "localhost/never-there"}
	plan := r.plan(t, nil, r.script("", "true"))
	for i := range plan.Local.Spec.Containers {
		plan.Local.Spec.Containers[i].ImagePullPolicy = ""
	}
	for i := range plan.Local.Spec.InitContainers {
		plan.Local.Spec.InitContainers[i].ImagePullPolicy = ""
	}
	var log buffer
	result, err := r.engine(plan).Run(t.Context(), plan, &log)
	if err == nil || !strings.Contains(err.Error(), "Error: no cgroups here") || !strings.Contains(err.Error(), podman.Install) {
		t.Errorf("got %v", err)
	}
	if result.State != prowapi.ErrorState {
		t.Errorf("got %+v", result)
	}
	r.check(t, plan, &log)
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
