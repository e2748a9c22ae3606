package local

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"time"

	"slipway.dev/slipway/internal/podman"
)

const (
	glance      = 20 * time.Millisecond // how often processes and logs are looked at
	insisting   = 30 * time.Second      // how long what was made to end may take to go
	kubeletsOwn = 30 * time.Second      // a pod's grace period where it says nothing
)

// wait waits until no container of the pod is running, or ctx ends. It looks at the
// containers' processes: a `podman wait` would ask podman's database all the while.
// watch is asked about those that still run, and may end the wait.
func (r *podmanRun) wait(ctx context.Context, watch func([]podman.Container) error) ([]podman.Container, error) {
	for {
		containers, err := r.inspect(ctx)
		if err != nil {
			return nil, err
		}
		running := slices.DeleteFunc(slices.Clone(containers), func(c podman.Container) bool { return !c.Running() })
		if len(running) == 0 {
			return containers, nil
		}
		if err := processesEnd(ctx, running, watch); err != nil {
			return containers, err
		}
	}
}

// inspect asks podman for the pod's containers, in the order they run.
func (r *podmanRun) inspect(ctx context.Context) ([]podman.Container, error) {
	ctx, cancel := calm(ctx)
	defer cancel()
	return r.podman.Containers(ctx, r.names...)
}

// processesEnd waits until none of the containers' processes is there any more. One
// that is gone is not looked at again, since its number may come back.
func processesEnd(ctx context.Context, running []podman.Container, watch func([]podman.Container) error) error {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for len(running) > 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		running = slices.DeleteFunc(running, func(c podman.Container) bool {
			return errors.Is(syscall.Kill(c.State.Pid, 0), syscall.ESRCH)
		})
		if err := watch(running); err != nil {
			return err
		}
	}
	return nil
}

// unwatched leaves it to what runs to end.
func unwatched([]podman.Container) error { return nil }

// end ends a pod as a cluster does it: all containers are asked at once, and have the
// pod's grace period to leave what is to be kept.
func (r *podmanRun) end(ctx context.Context) ([]podman.Container, error) {
	containers, err := r.inspect(ctx)
	if err != nil {
		return nil, err
	}
	grace := kubeletsOwn
	if seconds := r.plan.Local.Spec.TerminationGracePeriodSeconds; seconds != nil {
		grace = time.Duration(*seconds) * time.Second
	}
	if running := r.running(containers); len(running) > 0 {
		r.logs.Say("ending the pod; its containers have %s to finish", grace)
		if containers, err = r.ask(ctx, "TERM", running, grace); err != nil {
			return nil, err
		}
	}
	if running := r.running(containers); len(running) > 0 {
		return r.ask(ctx, "KILL", running, insisting)
	}
	return containers, nil
}

func (r *podmanRun) running(containers []podman.Container) []string {
	var names []string
	for _, c := range containers {
		if c.Running() {
			names = append(names, c.Name)
		}
	}
	return names
}

// ask sends a signal to containers and waits for their end, but not for ever.
func (r *podmanRun) ask(ctx context.Context, signal string, names []string, patience time.Duration) ([]podman.Container, error) {
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience+time.Second)
	defer cancel()
	if err := r.podman.Signal(patient, signal, names...); err != nil {
		r.logs.Say("podman could not send SIG%s: %v", signal, err)
	}
	containers, err := r.wait(patient, unwatched)
	if errors.Is(err, context.DeadlineExceeded) {
		return r.inspect(ctx)
	}
	return containers, err
}
