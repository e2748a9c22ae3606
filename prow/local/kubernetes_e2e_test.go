package local

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/pod-utils/decorate"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/cluster"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/prow/podutils/podutilstest"
)

const (
	utilitiesImage = "slipway.dev/test/pod-utilities:1"
	busyboxImage   = "slipway.dev/test/busybox:1"
)

// TestKubernetes runs decorated pods on a real node, one after the other.
func TestKubernetes(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "kubernetes" {
		t.Skip("a Kubernetes node takes ten minutes to build once, and the whole machine; run: make e2e-kubernetes")
	}
	node := cluster.Start(t)
	loadImages(t, node)
	engine := NewKubernetes(KubernetesConfig{Kubeconfig: node.Kubeconfig, Unscheduled: 3 * time.Second})
	for name, test := range map[string]func(*testing.T, *Kubernetes){
		"success": testSuccess, "failure": testFailure, "timeout": testTimeout, "abort": testAbort, "hung": testHung,
		"image missing": testImageMissing, "no node": testNoNode, "init container": testInitContainer,
		"folders": testFolders, "large": testLarge, "deleted": testDeleted,
	} {
		t.Run(name, func(t *testing.T) { test(t, engine) })
	}
	assertNoPods(t, node)
}

func loadImages(t *testing.T, node *cluster.Cluster) {
	t.Helper()
	need.Tool(t, "busybox", "busybox-static")
	program := podutilstest.Program(t, "local")
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	for image, files := range map[string]map[string]string{
		utilitiesImage: {"pod-utilities": program, "tmp/.keep": "/dev/null"},
		busyboxImage:   {"bin/sh": busybox, "tmp/.keep": "/dev/null"},
	} {
		archive := filepath.Join(t.TempDir(), "image.tar")
		if err := cluster.WriteImage(archive, image, files, "/pod-utilities"); err != nil {
			t.Fatal(err)
		}
		node.LoadImage(t, archive)
	}
}

// planFor is the plan of a periodic job that runs a script, as Prow decorates it.
func planFor(t *testing.T, script string, change ...func(*Plan)) Plan {
	t.Helper()
	return planWithin(t, time.Minute, script, change...)
}

func planWithin(t *testing.T, timeout time.Duration, script string, change ...func(*Plan)) Plan {
	t.Helper()
	pj := prowapi.ProwJob{
		ObjectMeta: metav1.ObjectMeta{Name: "pod-" + strings.ReplaceAll(filepath.Base(t.Name()), "_", "-")},
		Spec: prowapi.ProwJobSpec{
			Type: prowapi.PeriodicJob, Agent: prowapi.KubernetesAgent, Job: "hello",
			DecorationConfig: &prowapi.DecorationConfig{
				Timeout: &prowapi.Duration{Duration: timeout}, GracePeriod: &prowapi.Duration{Duration: 10 * time.Second},
				UtilityImages:    &prowapi.UtilityImages{CloneRefs: utilitiesImage, InitUpload: utilitiesImage, Entrypoint: utilitiesImage, Sidecar: utilitiesImage},
				GCSConfiguration: &prowapi.GCSConfiguration{Bucket: "bucket", PathStrategy: prowapi.PathStrategyExplicit},
			},
			PodSpec: &corev1.PodSpec{Containers: []corev1.Container{{
				Image: busyboxImage, ImagePullPolicy: corev1.PullNever, Command: []string{"/bin/sh", "-c", script},
			}}},
		},
		Status: prowapi.ProwJobStatus{BuildID: "1"},
	}
	plan := Plan{ProwJob: pj, Output: t.TempDir(), Scratch: t.TempDir()}
	var err error
	if plan.Pod, err = decorate.ProwJobToPodLocal(pj, plan.Output); err != nil {
		t.Fatal(err)
	}
	plan.Local = plan.Pod.DeepCopy()
	for _, f := range change {
		f(&plan)
	}
	return plan
}

// run runs a plan and checks how it ended.
func run(ctx context.Context, t *testing.T, engine *Kubernetes, plan Plan, state prowapi.ProwJobState, reason string) (Result, string) {
	t.Helper()
	var log bytes.Buffer
	started := time.Now()
	result, err := engine.Run(ctx, plan, &log)
	t.Logf("after %s: %+v, %v", time.Since(started).Round(time.Millisecond), result, err)
	if err != nil {
		t.Fatal(err)
	}
	if result.State != state || !strings.Contains(result.Reason, reason) {
		t.Errorf("got %s: %s; want %s: %s", result.State, result.Reason, state, reason)
	}
	return result, log.String()
}

// left checks a file of the output.
func left(t *testing.T, plan Plan, name, want string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(plan.Output, name))
	if err != nil {
		t.Error(err)
	} else if !strings.Contains(string(content), want) {
		t.Errorf("%s is %q; want %q", name, content, want)
	}
}

func testSuccess(t *testing.T, engine *Kubernetes) {
	plan := planFor(t, `echo hello; echo '<testsuite/>' > $ARTIFACTS/junit.xml`)
	_, log := run(t.Context(), t, engine, plan, prowapi.SuccessState, "")
	left(t, plan, "build-log.txt", "hello\n")
	left(t, plan, "artifacts/junit.xml", "<testsuite/>\n")
	left(t, plan, "finished.json", `"SUCCESS"`)
	left(t, plan, "podinfo.json", `"terminated"`)
	for _, file := range []string{"started.json", "finished.json", "prowjob.json", "podinfo.json"} {
		content, err := os.ReadFile(filepath.Join(plan.Output, file))
		if err != nil || !json.Valid(content) {
			t.Errorf("%s is no JSON: %q, %v", file, content, err)
		}
	}
	if !strings.Contains(log, "| hello\n") {
		t.Errorf("the log lacks the test's line:\n%s", log)
	}
}

func testFailure(t *testing.T, engine *Kubernetes) {
	plan := planFor(t, `echo broken; exit 3`)
	run(t.Context(), t, engine, plan, prowapi.FailureState, "exit code 3")
	left(t, plan, "build-log.txt", "broken\n")
	left(t, plan, "finished.json", `"FAILURE"`)
}

func testTimeout(t *testing.T, engine *Kubernetes) {
	plan := planWithin(t, 2*time.Second, `echo begun; sleep 600`)
	result, _ := run(t.Context(), t, engine, plan, prowapi.FailureState, "timeout after 2s")
	if !result.TimedOut {
		t.Error("the result does not say that it timed out")
	}
	left(t, plan, "build-log.txt", "Process did not finish before 2s timeout")
}

// testAbort ends a run as Ctrl-C does, while the job runs. What the log says after
// that may be missing in build-log.txt: Prow's sidecar replaces the file when it
// censors it, while entrypoint still writes to it.
func testAbort(t *testing.T, engine *Kubernetes) {
	plan := planFor(t, `trap 'kill $!; echo cleaning up; echo kept > $ARTIFACTS/kept; exit 1' TERM INT; echo begun; sleep 600 & wait`)
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(5*time.Second, func() { cancel(errors.New("interrupted by the user")) })
	_, log := run(ctx, t, engine, plan, prowapi.AbortedState, "interrupted by the user")
	if !strings.Contains(log, "| cleaning up") {
		t.Errorf("the log ends before the job's clean-up:\n%s", log)
	}
	left(t, plan, "build-log.txt", "begun\n")
	left(t, plan, "artifacts/kept", "kept\n")
	left(t, plan, "finished.json", `"ABORTED"`)
}

// testHung interrupts a job that does not care, in a pod whose sidecar never ends.
func testHung(t *testing.T, engine *Kubernetes) {
	plan := planFor(t, `true`, func(p *Plan) {
		p.Pod.Spec.Containers = append(p.Pod.Spec.Containers, corev1.Container{
			Name: "deaf", Image: busyboxImage, Command: []string{"/bin/sh", "-c", `trap '' TERM; sleep 600`},
		})
		p.Local = p.Pod.DeepCopy()
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(6*time.Second, func() { cancel(errors.New("interrupted by the user")) })
	started := time.Now()
	run(ctx, t, engine, plan, prowapi.AbortedState, "interrupted by the user")
	if took := time.Since(started); took > 30*time.Second {
		t.Errorf("it took %s; the job's grace period is 12s", took)
	}
	left(t, plan, "finished.json", `"SUCCESS"`) // the job itself had ended
}

// testDeleted has somebody else delete the pod.
func testDeleted(t *testing.T, engine *Kubernetes) {
	plan := planFor(t, `sleep 600`)
	client, err := connect(engine.config)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(5*time.Second, func() { _ = client.remove(context.Background(), plan.Local.Name, time.Minute) })
	run(t.Context(), t, engine, plan, prowapi.ErrorState, "Pod got deleted unexpectedly")
	left(t, plan, "finished.json", `"ABORTED"`)
}

func testImageMissing(t *testing.T, engine *Kubernetes) {
	for policy, reason := range map[corev1.PullPolicy]string{
		corev1.PullNever:  "ErrImageNeverPull",
		corev1.PullAlways: "ImagePullBackOff",
	} {
		plan := planFor(t, `true`, func(p *Plan) {
			p.ProwJob.Name += strings.ToLower(string(policy))
			p.Local.Name += strings.ToLower(string(policy))
			p.Local.Spec.Containers[0].Image, p.Local.Spec.Containers[0].ImagePullPolicy = "127.0.0.1:1/absent:1", policy
		})
		result, _ := run(t.Context(), t, engine, plan, prowapi.ErrorState, reason)
		for _, want := range []string{"container test", "127.0.0.1:1/absent:1", "slipway image push"} {
			if !strings.Contains(result.Reason, want) {
				t.Errorf("the reason does not say %q: %s", want, result.Reason)
			}
		}
		left(t, plan, "started.json", `"timestamp"`)
		left(t, plan, "finished.json", `"result"`)
	}
}

func testNoNode(t *testing.T, engine *Kubernetes) {
	plan := planFor(t, `true`, func(p *Plan) { p.Pod.Spec.NodeSelector = map[string]string{"disk": "fast"} })
	run(t.Context(), t, engine, plan, prowapi.ErrorState, "no node takes the pod: Unschedulable")
}

func testInitContainer(t *testing.T, engine *Kubernetes) {
	plan := planFor(t, `true`, func(p *Plan) {
		broken := corev1.Container{Name: "broken", Image: busyboxImage, Command: []string{"/bin/sh", "-c", "echo no such repository; exit 7"}}
		p.Pod.Spec.InitContainers = append(p.Pod.Spec.InitContainers, broken)
		p.Local = p.Pod.DeepCopy()
	})
	result, log := run(t.Context(), t, engine, plan, prowapi.FailureState, "init container broken: exit code 7")
	if !strings.Contains(log, "no such repository") {
		t.Errorf("the log lacks the init container's line:\n%s", log)
	}
	if last := result.Containers[len(result.Containers)-1]; last.ExitCode != -1 {
		t.Errorf("a container that never ran: %+v", last)
	}
	left(t, plan, "started.json", `"timestamp"`) // initupload had written it
}

// testFolders gives the job a folder and a file of this machine, and finds in the
// folder what the job did there.
func testFolders(t *testing.T, engine *Kubernetes) {
	var repository string
	plan := planFor(t, `set -e; cat /slipway/git/HEAD /slipway/gitconfig; rm /slipway/git/old; echo v1 > /slipway/git/refs/v1`, func(p *Plan) {
		repository = filepath.Join(p.Output, "git")
		config := filepath.Join(p.Output, "gitconfig")
		write(t, repository, "HEAD", "ref: refs/heads/main\n")
		write(t, repository, "old", "old")
		write(t, repository, "refs/v0", "v0")
		write(t, p.Output, "gitconfig", "[safe]\n")
		spec := &p.Local.Spec
		for name, path := range map[string]string{"git": repository, "gitconfig": config} {
			spec.Volumes = append(spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: path}}})
			spec.Containers[0].VolumeMounts = append(spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: name, MountPath: "/slipway/" + name})
		}
	})
	run(t.Context(), t, engine, plan, prowapi.SuccessState, "")
	left(t, plan, "build-log.txt", "ref: refs/heads/main\n[safe]\n")
	content, err := os.ReadFile(filepath.Join(repository, "refs", "v1"))
	if string(content) != "v1\n" {
		t.Errorf("what the job wrote is %q, %v", content, err)
	}
	if _, err := os.Stat(filepath.Join(repository, "old")); err == nil {
		t.Error("what the job removed is still there")
	}
}

// testLarge has more output than a container's log may have.
func testLarge(t *testing.T, engine *Kubernetes) {
	plan := planFor(t, `dd if=/dev/urandom of=$ARTIFACTS/random bs=1M count=100 2>&1; sha256sum $ARTIFACTS/random`)
	run(t.Context(), t, engine, plan, prowapi.SuccessState, "")
	content, err := os.ReadFile(filepath.Join(plan.Output, "artifacts", "random"))
	if err != nil {
		t.Fatal(err)
	}
	left(t, plan, "build-log.txt", fmt.Sprintf("%x", sha256.Sum256(content)))
}

// assertNoPods checks that no run has left its pod behind.
func assertNoPods(t *testing.T, node *cluster.Cluster) {
	t.Helper()
	client, err := connect(KubernetesConfig{Kubeconfig: node.Kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range list.Items {
		t.Errorf("pod %s is still there: %s", pod.Name, pod.Status.Phase)
	}
}
