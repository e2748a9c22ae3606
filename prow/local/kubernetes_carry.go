package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"slipway.dev/slipway/prow/local/ferry"
)

const (
	attempts = 3 // to carry a folder, while the pod is there
	retry    = time.Second
)

// deliver begins to fill the pod's volumes as soon as somebody can receive them.
func (r *podRun) deliver(ctx context.Context) {
	if r.delivery != nil || len(r.cargo.there) == 0 || r.stopped != nil || !isRunning(r.last, ferryName) {
		return
	}
	r.delivery = make(chan error, 1)
	go func() { r.delivery <- r.trying(ctx, r.deliverOnce) }()
}

func (r *podRun) deliverOnce(ctx context.Context) error {
	stream, packed := io.Pipe()
	go func() { packed.CloseWithError(ferry.Pack(packed, r.cargo.packed())) }()
	err := r.inFerry(ctx, stream, nil, ferry.Receive)
	stream.CloseWithError(errors.New("nobody receives it any more"))
	return err
}

// delivered ends a run whose pod will never have what it needs.
func (r *podRun) delivered(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return r.abandon(ctx, &brokenError{fmt.Sprintf("carry folders into the pod: %v", err)})
}

// fetch begins to take what the pod left. It may begin before the others have
// ended: the far side waits for that, because of a pod that was deleted the
// cluster says nothing more until it is too late.
func (r *podRun) fetch(ctx context.Context) {
	if r.fetching != nil || r.last == nil || !isRunning(r.last, ferryName) {
		return
	}
	r.fetching = make(chan error, 1)
	go func() { r.fetching <- r.trying(ctx, r.fetchOnce) }()
}

func (r *podRun) fetchOnce(ctx context.Context) error {
	if err := r.unload(ctx, r.cargo.output, r.plan.Output); err != nil {
		return err
	}
	for volume, folder := range r.cargo.back {
		carry := r.unload // adds to a folder of the user's
		if isOwn(folder, r.plan) {
			carry = r.replace
		}
		if err := carry(ctx, volume, folder); err != nil {
			return err
		}
	}
	return nil
}

// replace puts a folder as the pod left it in the place of the one that it got.
func (r *podRun) replace(ctx context.Context, volume, folder string) error {
	aside := folder + ".carried"
	if err := errors.Join(os.RemoveAll(aside), os.Mkdir(aside, 0o755)); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(aside) }()
	if err := r.unload(ctx, volume, aside); err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	return os.Rename(aside, folder)
}

// unload takes a volume's content into a folder.
func (r *podRun) unload(ctx context.Context, volume, folder string) error {
	stream, sent := io.Pipe()
	go func() { sent.CloseWithError(r.inFerry(ctx, nil, sent, ferry.Send, volume)) }()
	err := ferry.Unpack(stream, folder)
	stream.CloseWithError(errors.New("nobody reads it any more"))
	return err
}

// trying carries, and tries again while there is a pod to carry from or to.
func (r *podRun) trying(ctx context.Context, carry func(context.Context) error) error {
	var err error
	for attempt := range attempts {
		if attempt > 0 {
			pause(ctx, retry)
		}
		if err = carry(ctx); err == nil || ctx.Err() != nil {
			break
		}
	}
	return err
}

// inFerry runs a verb of the ferry in its container.
func (r *podRun) inFerry(ctx context.Context, in io.Reader, out io.Writer, verb ...string) error {
	return r.cluster.run(ctx, r.pod.Name, ferryName, append([]string{ferry.Program}, verb...), in, out)
}

func isRunning(pod *corev1.Pod, container string) bool {
	return slices.ContainsFunc(statuses(pod), func(s corev1.ContainerStatus) bool {
		return s.Name == container && s.State.Running != nil
	})
}
