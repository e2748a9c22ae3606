package bench

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/podman"
	"slipway.dev/slipway/internal/testkit/need"
)

// idleJob does nothing, in the image that its pod has anyhow.
const idleJob = `
periodics:
- name: idle
  cron: "@yearly"
  decorate: true
  spec:
    containers:
    - image: registry.example.com/slipway/images/pod-utilities@sha256:0000000000000000000000000000000000000000000000000000000000000000
      command: ["true"]
`

// BenchmarkJobRun runs a job that does nothing, from the command to its exit with the
// files in place, and the same pod by podman's own commands, in turn, and tells the
// ratio of the medians.
func BenchmarkJobRun(b *testing.B) {
	need.Tool(b, "podman", "podman")
	engine, err := podman.New(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	j := idle{b, engine, filepath.Join(b.TempDir(), "slipway"), filepath.Join(b.TempDir(), "jobs.yaml")}
	runWith(b, engine, "go", "build", "-o", j.program, "../cmd/slipway")
	runWith(b, engine, j.program, "image", "load", "pod-utilities")
	if err := os.WriteFile(j.config, []byte(idleJob), 0o644); err != nil {
		b.Fatal(err)
	}
	var runs, bare []time.Duration
	for b.Loop() {
		runs = append(runs, timed(func() { j.slipway("run", "--output-dir", b.TempDir()) }))
		pod := j.pod()
		bare = append(bare, timed(func() { j.cycle(pod) }))
	}
	b.ReportMetric(milliseconds(median(runs)), "ms/job-run")
	b.ReportMetric(milliseconds(median(bare)), "ms/podman-kube-play-wait-logs-down")
	b.ReportMetric(float64(median(runs))/float64(median(bare)), "ratio")
	b.ReportMetric(0, "ns/op") // of both together says nothing
}

// idle is the job, and what it is run with.
type idle struct {
	*testing.B
	engine          *podman.Podman
	program, config string
}

func (j idle) slipway(verb string, args ...string) []byte {
	out, err := exec.Output(j.Context(), exec.Cmd{
		Args: append([]string{j.program, "job", verb, "idle", "--job-config", j.config}, args...), Dir: "..",
	})
	if err != nil {
		j.Fatal(err)
	}
	return out
}

// pod writes the pod that a run would start, with the folders that it mounts.
func (j idle) pod() *podFile {
	var plan struct {
		Local corev1.Pod `json:"local"`
	}
	if err := json.Unmarshal(j.slipway("show", "--output", "json", "--output-dir", j.TempDir()), &plan); err != nil {
		j.Fatal(err)
	}
	for _, v := range plan.Local.Spec.Volumes {
		if err := os.MkdirAll(v.HostPath.Path, 0o777); err != nil {
			j.Fatal(err)
		}
	}
	data, err := json.Marshal(plan.Local)
	if err != nil {
		j.Fatal(err)
	}
	pod := &podFile{path: filepath.Join(j.TempDir(), "pod.json"), name: plan.Local.Name}
	for _, c := range plan.Local.Spec.Containers {
		pod.containers = append(pod.containers, plan.Local.Name+"-"+c.Name)
	}
	if err := os.WriteFile(pod.path, data, 0o644); err != nil {
		j.Fatal(err)
	}
	return pod
}

type podFile struct {
	path, name string
	containers []string
}

// cycle is what a person would type.
func (j idle) cycle(pod *podFile) {
	runWith(j.B, j.engine, "podman", "kube", "play", pod.path)
	runWith(j.B, j.engine, append([]string{"podman", "wait"}, pod.containers...)...)
	runWith(j.B, j.engine, "podman", "pod", "logs", pod.name)
	runWith(j.B, j.engine, "podman", "kube", "down", pod.path)
}
