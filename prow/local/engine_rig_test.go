package local

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

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
	for _, applet := range []string{"sh", "sleep", "echo", "cat", "kill", "true", "head", "tr", "ls", "touch", "id", "mkdir"} {
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

func newFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
