package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
}

func newPodmanRun(e *Podman, plan Plan, name string, logs *Logs) *podmanRun {
	r := &podmanRun{engine: e, podman: e.podman, plan: plan, pod: name, logs: logs, files: map[string]*logFile{}, started: time.Now()}
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
		return Result{}, err
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
	if !r.asRoot() {
		if err := os.Chmod(r.plan.Output, 0o777); err != nil { // until it is the caller's again
			return err
		}
	}
	return WriteStarted(r.plan, r.started)
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

// live starts the pod and returns its containers when they have ended. cause is why
// they must end early, and err why podman could not start them.
func (r *podmanRun) live(ctx context.Context) (containers []podman.Container, cause, err error) {
	manifest, err := r.manifest()
	if err != nil {
		return nil, nil, err
	}
	pending := r.engine.pendingTimeout(r.plan)
	starting, cancel := context.WithTimeoutCause(ctx, pending, &OverdueError{After: pending})
	defer cancel()
	err = r.play(starting, manifest)
	if cause := context.Cause(starting); cause != nil || err != nil {
		return nil, cause, err
	}
	running := r.engine.runningTimeout(r.plan)
	waiting, cancel := context.WithTimeoutCause(ctx, running, &OverdueError{After: running, Running: true})
	defer cancel()
	containers, err = r.wait(waiting)
	return containers, context.Cause(waiting), err
}

// play starts the pod, and calls that off when ctx ends. podman loses track of a
// container if it is stopped while it starts one, so it is left alone once the init
// containers are done: the rest is over in a second.
func (r *podmanRun) play(ctx context.Context, manifest []byte) error {
	playing, callOff := context.WithCancelCause(context.WithoutCancel(ctx))
	defer callOff(nil)
	played := make(chan error, 1)
	go func() { played <- r.podman.Play(playing, manifest) }()
	select {
	case err := <-played:
		return err
	case <-ctx.Done():
	}
	if containers, err := r.inspect(ctx); err != nil || !r.initialized(containers) {
		callOff(context.Cause(ctx))
	}
	select {
	case err := <-played:
		return err
	case <-time.After(insisting):
		callOff(context.Cause(ctx))
		return <-played
	}
}

// initialized says whether the pod's init containers are done.
func (r *podmanRun) initialized(containers []podman.Container) bool {
	done := 0
	for _, c := range containers {
		if c.Exited() && slices.Contains(r.names[:len(r.plan.Local.Spec.InitContainers)], c.Name) {
			done++
		}
	}
	return len(containers) > 0 && done == len(r.plan.Local.Spec.InitContainers)
}

// manifest is the pod as podman gets it: under a name of its own, so that two runs
// do not meet, and with init containers that stay until they were looked at.
func (r *podmanRun) manifest() ([]byte, error) {
	pod := r.plan.Local.DeepCopy()
	pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	pod.Name, pod.Namespace = r.pod, ""
	pod.Labels = with(pod.Labels, "dev.slipway.pid", strconv.Itoa(os.Getpid()))
	pod.Annotations = with(pod.Annotations, "io.podman.annotations.init.container.type", "always")
	manifest, err := json.Marshal(pod)
	if err != nil {
		return nil, fmt.Errorf("write the pod for podman: %w", err)
	}
	return manifest, nil
}

func with(m map[string]string, key, value string) map[string]string {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

// finish says how the run ended and leaves what Prow would. podman calls it a failure
// of its own when an init container fails; that is the job's.
func (r *podmanRun) finish(ctx context.Context, containers []podman.Container, cause, failed error) (Result, error) {
	ctx, cancel := calm(ctx)
	defer cancel()
	if err := errors.Join(r.podman.Reclaim(ctx, r.plan.Output), os.Chmod(r.plan.Output, 0o755)); err != nil {
		return Result{}, err
	}
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
	if err := WriteFinished(r.plan, result, status); err != nil {
		return result, err
	}
	return result, failed
}

// explain words why podman could not start the pod.
func (r *podmanRun) explain(err error, containers []podman.Container) error {
	if len(containers) > 0 {
		return fmt.Errorf("start the pod: %w", err)
	}
	return fmt.Errorf("start the pod: %w; if podman itself is broken here, try: %s", err, podman.Install)
}
