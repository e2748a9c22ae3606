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

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slipway.dev/slipway/internal/podman"
)

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
	containers, err = r.wait(waiting, r.tellSidecar)
	var untold *MarkerError
	switch {
	case err == nil:
		return containers, nil, nil // in time
	case errors.As(err, &untold):
		return nil, untold, nil
	}
	return nil, context.Cause(waiting), err
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
