package local

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/prow/pkg/entrypoint"

	"slipway.dev/slipway/internal/podman"
)

// PodmanConfig says how long things may take. The zero value is useful.
type PodmanConfig struct {
	Runs    string        // folder of the marks of runs that are under way; empty is the caller's cache
	Pending time.Duration // how long until all containers have started; 0 is the job's, or else Prow's ten minutes
	Margin  time.Duration // what the pod may take beyond its job's timeout and grace period; 0 is five minutes
	Quiet   time.Duration // how long nothing may be said before the engine says that the pod is still there; 0 is a minute
}

// Podman runs pods under podman on this machine.
//
// It leaves nothing in podman. What a run that was killed left there, the next one
// removes: each run holds a lock on a file that names its pod, and a lock ends with
// its process, however that ends.
type Podman struct {
	podman *podman.Podman
	config PodmanConfig
}

// NewPodman is the engine that runs pods under p.
func NewPodman(p *podman.Podman, c PodmanConfig) *Podman {
	c.Margin, c.Quiet = cmp.Or(c.Margin, 5*time.Minute), cmp.Or(c.Quiet, time.Minute)
	if c.Runs == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			cache = os.TempDir()
		}
		c.Runs = filepath.Join(cache, "slipway", "runs")
	}
	return &Podman{p, c}
}

// Run runs the plan's pod. The end of ctx aborts it as Prow would: its containers
// are asked to end, and have the pod's grace period to leave what is to be kept.
func (e *Podman) Run(ctx context.Context, plan Plan, w io.Writer) (Result, error) {
	if err := e.checkImages(ctx, plan.Local); err != nil {
		return Result{}, err
	}
	logs := NewLogs(w, plan.Local)
	defer logs.End()
	if err := e.sweep(ctx, logs); err != nil {
		return Result{}, err
	}
	name := podName()
	mark, err := claim(e.config.Runs, leavings{Pod: name, Scratch: plan.Scratch})
	if err != nil {
		return Result{}, fmt.Errorf("mark the run in %s: %w", e.config.Runs, err)
	}
	defer mark.release()
	return newPodmanRun(e, plan, name, logs).do(ctx)
}

// podName is a name that no other run takes. It is also the name of the machine
// that the job sees.
func podName() string {
	var random [5]byte
	_, _ = rand.Read(random[:])
	return "slipway-" + hex.EncodeToString(random[:])
}

// pendingTimeout is how long Prow waits for a pod's containers to start. Its init
// containers are done by then.
func (e *Podman) pendingTimeout(plan Plan) time.Duration {
	if d := plan.ProwJob.Spec.DecorationConfig; d != nil && d.PodPendingTimeout != nil && e.config.Pending == 0 {
		return d.PodPendingTimeout.Duration
	}
	return cmp.Or(e.config.Pending, 10*time.Minute)
}

// runningTimeout is when the pod's end is overdue. In time it is entrypoint that
// ends the job, and sidecar that ends the pod.
func (e *Podman) runningTimeout(plan Plan) time.Duration {
	d := plan.ProwJob.Spec.DecorationConfig
	if d == nil {
		return 48 * time.Hour // Prow's own for any pod
	}
	return jobTimeout(plan) + cmp.Or(d.GracePeriod.Get(), entrypoint.DefaultGracePeriod) + e.config.Margin
}
