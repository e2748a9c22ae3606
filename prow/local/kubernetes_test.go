package local

import (
	"bytes"
	"context"
	"errors"
	"io"
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

	"slipway.dev/slipway/prow/local/ferry"
)

// fakeNode is a cluster whose pod does what a test says. Its ferry is the real one.
type fakeNode struct {
	far     ferry.Far
	updates chan update
	created func(*corev1.Pod)                  // changes what the API server makes of a pod
	sent    func(attempt int, p []byte) []byte // changes what is sent on its way
	log     func(since time.Time) (io.ReadCloser, error)
	removed func(grace time.Duration)

	mu    sync.Mutex
	calls []string
}

func newFakeNode(t *testing.T) *fakeNode {
	t.Helper()
	return &fakeNode{
		far:     ferry.Far{State: t.TempDir(), Volumes: t.TempDir()},
		updates: make(chan update, 10),
		created: func(*corev1.Pod) {},
		sent:    func(_ int, p []byte) []byte { return p },
		log:     func(time.Time) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil },
		removed: func(time.Duration) {},
	}
}

// note remembers a call and says how often it was made.
func (n *fakeNode) note(call string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls = append(n.calls, call)
	return len(slices.DeleteFunc(slices.Clone(n.calls), func(c string) bool { return c != call }))
}

func (n *fakeNode) create(_ context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	pod = pod.DeepCopy()
	n.created(pod)
	return pod, nil
}

func (n *fakeNode) remove(_ context.Context, _ string, grace time.Duration) error {
	n.note("remove " + grace.String())
	n.removed(grace)
	return nil
}

func (n *fakeNode) follow(context.Context, string) <-chan update { return n.updates }

func (n *fakeNode) logs(_ context.Context, _, container string, since time.Time) (io.ReadCloser, error) {
	if container != "test" {
		return io.NopCloser(strings.NewReader("")), nil
	}
	return n.log(since)
}

func (n *fakeNode) warnings(context.Context, string) []string { return nil }

func (n *fakeNode) run(ctx context.Context, _, _ string, command []string, in io.Reader, out io.Writer) error {
	attempt := n.note(strings.Join(command[1:], " "))
	var sent bytes.Buffer
	if err := n.far.Run(ctx, command[1:], in, &sent); err != nil || out == nil {
		return err
	}
	_, err := out.Write(n.sent(attempt, sent.Bytes()))
	return err
}

// tell tells of the pod: in which states its containers are.
func (n *fakeNode) tell(phase corev1.PodPhase, states ...corev1.ContainerStatus) {
	pod := &corev1.Pod{Status: corev1.PodStatus{Phase: phase, ContainerStatuses: states}}
	pod.Status.InitContainerStatuses = []corev1.ContainerStatus{running(ferryName)}
	n.updates <- update{pod: pod}
}

func running(name string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
}

func endedWith(name string, code int32) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}}}
}

func waiting(name, reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, Image: "example/" + name, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
}

// end is the end of a pod whose containers exited.
func (n *fakeNode) end(t *testing.T, code int32) {
	t.Helper()
	if err := n.far.Run(t.Context(), []string{ferry.End}, nil, nil); err != nil {
		t.Error(err)
	}
	phase := corev1.PodSucceeded
	if code != 0 {
		phase = corev1.PodFailed
	}
	n.tell(corev1.PodRunning, endedWith("test", code), endedWith(sidecarName, 0))
	n.tell(phase, endedWith("test", code), endedWith(sidecarName, 0))
}

// startOn runs a job's pod on the node.
func startOn(ctx context.Context, t *testing.T, n *fakeNode) (Plan, Result, string, error) {
	t.Helper()
	plan := planFor(t, `true`)
	var withoutInit []corev1.Container // their states are not of interest here
	plan.Local.Spec.InitContainers, plan.Pod.Spec.InitContainers = withoutInit, withoutInit
	pod, load, err := onCluster(plan)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(n.far.Volumes, load.output), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, n.far.Volumes, load.output+"/build-log.txt", "hello\n")
	var log bytes.Buffer
	r := &podRun{
		cluster: n, config: KubernetesConfig{Unscheduled: time.Minute}.forJob(plan), plan: plan, pod: pod, cargo: load,
		logs: NewLogs(&log, plan.Local), started: time.Now(),
	}
	result, err := r.do(ctx)
	return plan, result, log.String(), err
}

func TestKubernetesTakesFilesThenRemovesThePod(t *testing.T) {
	n := newFakeNode(t)
	n.end(t, 0)
	plan, result, _, err := startOn(t.Context(), t, n)
	if err != nil || result.State != prowapi.SuccessState {
		t.Fatalf("got %+v, %v", result, err)
	}
	left(t, plan, "build-log.txt", "hello\n")
	if diff := cmp.Diff([]string{"send output", "release", "remove 0s"}, n.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestKubernetesTakesFilesAgainThatWereCutShort(t *testing.T) {
	n := newFakeNode(t)
	n.sent = func(attempt int, p []byte) []byte {
		if attempt == 1 {
			return p[:len(p)/2]
		}
		return p
	}
	n.end(t, 3)
	plan, result, _, err := startOn(t.Context(), t, n)
	if err != nil || result.State != prowapi.FailureState || result.Reason != "exit code 3" {
		t.Fatalf("got %+v, %v", result, err)
	}
	left(t, plan, "build-log.txt", "hello\n")
}

func TestKubernetesSaysThatFilesAreLost(t *testing.T) {
	n := newFakeNode(t)
	n.sent = func(_ int, p []byte) []byte { return bytes.Replace(p, []byte("hello"), []byte("HELLO"), 1) }
	n.removed = func(time.Duration) { n.updates <- update{gone: true} }
	n.end(t, 0)
	_, result, _, err := startOn(t.Context(), t, n)
	if err != nil || result.State != prowapi.ErrorState || !strings.Contains(result.Reason, "damaged on the way") {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestKubernetesAborts(t *testing.T) {
	n := newFakeNode(t)
	n.tell(corev1.PodRunning, running("test"), running(sidecarName))
	n.removed = func(grace time.Duration) {
		if grace > 0 { // as the kubelet: nothing is told before the ferry has ended
			go n.end(t, 130)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(100*time.Millisecond, func() { cancel(errors.New("interrupted by interrupt")) })
	plan, result, _, err := startOn(ctx, t, n)
	if err != nil || result.State != prowapi.AbortedState || result.Reason != "aborted: interrupted by interrupt" {
		t.Errorf("got %+v, %v", result, err)
	}
	left(t, plan, "build-log.txt", "hello\n")
	if diff := cmp.Diff([]string{"remove 42s", "send output", "release", "remove 0s"}, n.calls); diff != "" { // the grace of Prow, 12s, and 30s to carry
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestKubernetesDoesNotWaitForWhatCannotStart(t *testing.T) {
	n := newFakeNode(t)
	n.tell(corev1.PodPending, waiting("test", "ErrImageNeverPull", "not present"), running(sidecarName))
	n.removed = func(grace time.Duration) { n.updates <- update{gone: true} }
	plan, result, _, err := startOn(t.Context(), t, n)
	if err != nil || result.State != prowapi.ErrorState || !strings.Contains(result.Reason, "container test: ErrImageNeverPull: not present; push the image") {
		t.Errorf("got %+v, %v", result, err)
	}
	left(t, plan, "build-log.txt", "hello\n")
	if calls := n.calls[:4]; calls[3] != "remove 1s" || !slices.Contains(calls, "end") || !slices.Contains(calls, "send output") {
		t.Errorf("calls %q; want the files before the end", n.calls)
	}
}

func TestKubernetesNeedsSidecars(t *testing.T) {
	n := newFakeNode(t)
	n.created = func(pod *corev1.Pod) { pod.Spec.InitContainers[0].RestartPolicy = nil } // an old API server drops what it does not know
	_, _, _, err := startOn(t.Context(), t, n)
	if err == nil || !strings.Contains(err.Error(), "needs Kubernetes 1.29") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"remove 0s"}, n.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestKubernetesGivesUpOnASilentServer(t *testing.T) {
	n := newFakeNode(t)
	n.updates <- update{err: errors.New("connection refused")}
	_, _, _, err := startOn(t.Context(), t, n)
	if err == nil || !strings.Contains(err.Error(), "told nothing for 2m0s: connection refused") {
		t.Errorf("got %v", err)
	}
}

// A log whose connection breaks goes on where it was.
func TestKubernetesFollowsALogOverABrokenConnection(t *testing.T) {
	const first, second = "2026-11-21T16:00:00.000000001Z one\n", "2026-11-21T16:00:00.000000002Z two\n"
	n := newFakeNode(t)
	n.log = func(since time.Time) (io.ReadCloser, error) {
		if since.IsZero() {
			return io.NopCloser(io.MultiReader(strings.NewReader(first), brokenReader{})), nil
		}
		return io.NopCloser(strings.NewReader(first + second)), nil // the API knows whole seconds only
	}
	n.end(t, 0)
	_, _, log, err := startOn(t.Context(), t, n)
	if err != nil || strings.Count(log, "| one\n") != 1 || strings.Count(log, "| two\n") != 1 {
		t.Errorf("%v, and the log is:\n%s", err, log)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }
