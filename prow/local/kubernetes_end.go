package local

import (
	"context"
	"fmt"
	"time"

	"slipway.dev/slipway/prow/local/ferry"
)

// grace is what the job's containers get to end, without what carrying takes.
func (r *podRun) grace() time.Duration {
	return time.Duration(*r.pod.Spec.TerminationGracePeriodSeconds)*time.Second - unloading
}

// stop deletes the pod as Prow does. Its containers have their grace to end; then
// what they have left is taken, whatever they do.
func (r *podRun) stop(ctx context.Context, cause error) error {
	if !r.condemn(cause) {
		return nil
	}
	r.deleted = true
	if err := r.cluster.remove(ctx, r.pod.Name, r.grace()+hurry); err != nil {
		return unreachable("delete pod "+r.pod.Name, err)
	}
	r.fetch(ctx)
	r.after(r.grace(), r.cutShort)
	return nil
}

// abandon removes a pod whose job cannot start: there is nothing to be ended with
// grace, and a sidecar that waits for the job would use up all of it.
func (r *podRun) abandon(ctx context.Context, cause error) error {
	if !r.condemn(cause) {
		return nil
	}
	r.fetch(ctx)
	return r.cutShort(ctx)
}

// condemn notes why the pod is deleted, unless its job has ended by itself.
func (r *podRun) condemn(cause error) bool {
	if r.stopped != nil || r.last != nil && haveEnded(r.last) {
		return false
	}
	r.stopped = cause
	r.logs.Say("deleting the pod: %v", cause)
	return true
}

// cutShort takes what is there although containers may still run.
func (r *podRun) cutShort(ctx context.Context) error {
	r.cut = true
	if r.fetching == nil {
		return r.giveUp(ctx)
	}
	r.after(hurry, r.giveUp)
	return r.endSending(ctx)
}

// giveUp removes the pod without waiting for what runs in it. A kubelet that is
// already ending a pod takes no shorter grace: of such a one only the name is removed.
func (r *podRun) giveUp(ctx context.Context) error {
	r.after(time.Minute, func(context.Context) error {
		return fmt.Errorf("remove pod %s: it is still there after a minute; see: kubectl describe pod %s", r.pod.Name, r.pod.Name)
	})
	grace := time.Second
	if r.deleted {
		grace = 0
	}
	if err := r.cluster.remove(ctx, r.pod.Name, grace); err != nil {
		return unreachable("remove pod "+r.pod.Name, err)
	}
	return nil
}

// hurry is what carrying takes at most from a pod that was deleted.
const hurry = 30 * time.Second

// endSending lets a far side that waits for the others' end wait no longer.
func (r *podRun) endSending(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	if err := r.inFerry(ctx, nil, nil, ferry.End); err != nil {
		r.logs.Say("take the pod's files: %v", err)
		return r.giveUp(ctx)
	}
	return nil
}

// emptied lets the pod end, now that its files are here or will not come.
func (r *podRun) emptied(ctx context.Context, err error) {
	r.fetched, r.lost = true, err
	r.after(callDeadline, r.giveUp)
	if err != nil || r.cut {
		r.after(0, r.giveUp)
	}
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	_ = r.inFerry(ctx, nil, nil, ferry.Release) // it may end before it can say that it does
}
