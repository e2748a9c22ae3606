package local

import (
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
)

// BenchmarkPodman compares the engine with podman's own commands for the same pod of
// a job that does nothing, turn by turn, since the machine may be busy with others.
// The target is 1.15 times as long.
func BenchmarkPodman(b *testing.B) {
	r := newRig(b)
	var engine, bare []time.Duration
	for b.Loop() {
		plan := r.plan(b, nil, r.script("", "true"))
		began := time.Now()
		if result, err := r.engine(plan).Run(b.Context(), plan, io.Discard); err != nil || result.Reason != "exit code 0" {
			b.Fatalf("%+v, %v", result, err)
		}
		engine = append(engine, time.Since(began))
		bare = append(bare, r.bareCycle(b, r.plan(b, nil, r.script("", "true"))))
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2].Milliseconds())
	}
	b.ReportMetric(median(engine), "engine-ms")
	b.ReportMetric(median(bare), "bare-ms")
	b.ReportMetric(median(engine)/median(bare), "ratio")
}

// bareCycle is what a person would type.
func (r *rig) bareCycle(b *testing.B, plan Plan) time.Duration {
	run := newPodmanRun(r.engine(plan), plan, podName(), NewLogs(io.Discard, plan.Local))
	manifest, err := run.manifest()
	if err == nil {
		err = run.prepare()
	}
	if err != nil {
		b.Fatal(err)
	}
	file := plan.Output + ".json"
	if err := os.WriteFile(file, manifest, 0o644); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	commands := [][]string{{"kube", "play", file}, append([]string{"wait"}, run.names...), {"pod", "logs", run.pod}, {"kube", "down", file}}
	for _, args := range commands {
		if err := exec.Run(b.Context(), exec.Cmd{Args: append([]string{"podman"}, args...), Env: r.podman.Environment(), Dir: "/", Stdout: io.Discard}); err != nil {
			b.Fatal(fmt.Errorf("podman %s: %w", args[0], err))
		}
	}
	return time.Since(began)
}
