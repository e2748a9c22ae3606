package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/podman"
)

// podmanRun is one pod on its way through podman.
type podmanRun struct {
	engine  *Podman
	podman  *podman.Podman
	plan    Plan
	pod     string   // its name in podman
	names   []string // of its containers in podman, in the order they run
	logs    *Logs
	files   map[string]*logFile // by the container's name in podman
	started time.Time
	waiter  string      // the container that is sidecar
	markers []marker    // what it waits for
	closed  fs.FileMode // the mode of Output, if that was opened to all for the run
}

func newPodmanRun(e *Podman, plan Plan, name string, logs *Logs) *podmanRun {
	r := &podmanRun{engine: e, podman: e.podman, plan: plan, pod: name, logs: logs, files: map[string]*logFile{}, started: time.Now()}
	r.waiter, r.markers = markersOf(plan.Local)
	for _, c := range slices.Concat(plan.Local.Spec.InitContainers, plan.Local.Spec.Containers) {
		r.names = append(r.names, r.name(c.Name))
	}
	return r
}

// name is the name that podman gives a container of the pod.
func (r *podmanRun) name(container string) string { return r.pod + "-" + container }

// calm is a context for what must be done even though ctx has ended.
func calm(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
}

// do runs the pod to its end and removes it.
func (r *podmanRun) do(ctx context.Context) (Result, error) {
	if err := r.prepare(); err != nil {
		return Result{}, errors.Join(err, r.engine.remove(ctx, leavings{r.pod, r.plan.Scratch}))
	}
	stop := r.follow(ctx)
	containers, cause, failed := r.live(ctx)
	if cause != nil || failed != nil {
		ended, err := r.end(ctx)
		if err != nil && failed == nil {
			cause, failed = nil, err
		}
		containers = ended
	}
	stop(containers)
	if err := r.engine.remove(ctx, leavings{r.pod, r.plan.Scratch}); err != nil {
		r.logs.Say("the pod could not be removed, and the next run will try again: %v", err)
	}
	return r.finish(ctx, containers, cause, failed)
}

// prepare makes what the pod needs on this machine.
func (r *podmanRun) prepare() error {
	if err := os.MkdirAll(r.plan.Output, 0o755); err != nil {
		return fmt.Errorf("make the output folder: %w", err)
	}
	if err := layOut(r.plan.Files); err != nil {
		return err
	}
	if r.asRoot() {
		return WriteStarted(r.plan, r.started)
	}
	info, err := os.Stat(r.plan.Output)
	if err != nil {
		return err
	}
	r.closed = info.Mode()
	return errors.Join(WriteStarted(r.plan, r.started), os.Chmod(r.plan.Output, 0o777))
}

// asRoot says whether the pod's utilities may write wherever they want.
func (r *podmanRun) asRoot() bool {
	spec := r.plan.Local.Spec
	if c := spec.SecurityContext; c != nil && c.RunAsUser != nil && *c.RunAsUser != 0 {
		return false
	}
	return !slices.ContainsFunc(slices.Concat(spec.InitContainers, spec.Containers), func(c corev1.Container) bool {
		return c.SecurityContext != nil && c.SecurityContext.RunAsUser != nil && *c.SecurityContext.RunAsUser != 0
	})
}

// finish says how the run ended and leaves what Prow would. podman calls it a failure
// of its own when an init container fails; that is the job's.
func (r *podmanRun) finish(ctx context.Context, containers []podman.Container, cause, failed error) (Result, error) {
	status := r.status(containers)
	result := ResultOf(r.plan, status)
	result.Started = r.started
	switch {
	case cause != nil:
		result, failed = result.EndedBy(cause), nil
	case failed != nil && !slices.ContainsFunc(result.Containers, func(c Container) bool { return c.Init && c.ExitCode > 0 }):
		failed = r.explain(failed, containers)
		result.State, result.Reason = prowapi.ErrorState, failed.Error()
	default:
		failed = nil
	}
	return result, errors.Join(failed, r.takeOver(ctx), WriteFinished(r.plan, result, status))
}

// takeOver makes Output the caller's, and closes it again.
func (r *podmanRun) takeOver(ctx context.Context) error {
	ctx, cancel := calm(ctx)
	defer cancel()
	err := r.podman.Reclaim(ctx, r.plan.Output)
	if r.closed != 0 {
		err = errors.Join(err, os.Chmod(r.plan.Output, r.closed))
	}
	return err
}

// explain words why podman could not start the pod.
func (r *podmanRun) explain(err error, containers []podman.Container) error {
	if len(containers) > 0 {
		return fmt.Errorf("start the pod: %w", err)
	}
	return fmt.Errorf("start the pod: %w; if podman itself is broken here, try: %s", err, podman.Install)
}
