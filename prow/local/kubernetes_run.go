package local

import (
	"context"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// pods is what a run needs of a cluster.
type pods interface {
	create(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error)
	remove(ctx context.Context, name string, grace time.Duration) error
	follow(ctx context.Context, name string) <-chan update
	logs(ctx context.Context, name, container string, since time.Time) (io.ReadCloser, error)
	run(ctx context.Context, name, container string, command []string, in io.Reader, out io.Writer) error
	warnings(ctx context.Context, name string) []string
}

// podRun is one pod on its way through a cluster.
type podRun struct {
	cluster pods
	config  KubernetesConfig
	plan    Plan
	pod     *corev1.Pod // as it is applied
	cargo   cargo
	logs    *Logs
	reader  *logReader
	started time.Time

	last    *corev1.Pod // as the cluster last told
	gone    bool
	stopped error // why the pod was deleted, if its job had not ended
	deleted bool  // the cluster was asked to end it with grace
	cut     bool  // its files are taken although containers may still run
	next    step  // what is done if nothing else happens

	delivery chan error // tells how filling the volumes ended; nil before it is begun
	fetching chan error // tells how taking the files ended; nil before it is begun
	fetched  bool
	lost     error  // why the files are not here
	said     string // the last thing said of what the pod waits for
}

// brokenError is a pod that ended through no fault of its job and at nobody's wish.
type brokenError struct{ reason string }

func (e *brokenError) Error() string { return e.reason }

// step is what is done when a time has come.
type step struct {
	at time.Time
	do func(context.Context) error
}

// attention is how often is looked whether a time has come.
const attention = 250 * time.Millisecond

// do runs the pod until it is gone from the cluster. From its creation on, the end
// of asked only asks for an end: what follows has deadlines of its own.
func (r *podRun) do(asked context.Context) (Result, error) {
	always := context.WithoutCancel(asked)
	ctx, cancel := context.WithCancel(always)
	defer cancel()
	created, err := r.cluster.create(asked, r.pod)
	if err != nil {
		return Result{}, unreachable("create pod "+r.pod.Name, err)
	}
	defer func() { _ = r.cluster.remove(always, r.pod.Name, 0) }() // it may be there if something went wrong, and if it ended by itself
	if first := created.Spec.InitContainers[0]; first.RestartPolicy == nil {
		return Result{}, fmt.Errorf("run pod %s: the cluster knows no init container that goes on running; it needs Kubernetes 1.29 or later", r.pod.Name)
	}
	if err := WriteStarted(r.plan, r.started); err != nil {
		return Result{}, err
	}
	r.reader = newLogReader(r.cluster, r.pod.Name, r.logs)
	overdue := &OverdueError{After: patienceWith(r.plan, r.config.Pending), Running: true}
	r.after(overdue.After, func(ctx context.Context) error { return r.stop(ctx, overdue) })
	if err := r.attend(ctx, asked); err != nil {
		return Result{}, err
	}
	time.AfterFunc(lastLines, cancel)
	r.reader.wait()
	r.logs.End()
	return r.finish()
}

// lastLines is how long the logs of a pod that is gone may still come.
const lastLines = 5 * time.Second

// attend does what each event asks for, until the pod has ended and was emptied.
func (r *podRun) attend(ctx, asked context.Context) (err error) {
	updates, interrupted := r.cluster.follow(ctx, r.pod.Name), asked.Done()
	tick := time.NewTicker(attention)
	defer tick.Stop()
	for err == nil && !r.over() {
		select {
		case u, open := <-updates:
			if !open {
				updates = nil
				break
			}
			err = r.heed(ctx, u)
		case failed := <-r.delivery:
			err = r.delivered(ctx, failed)
		case failed := <-r.fetching:
			r.emptied(ctx, failed)
		case <-interrupted:
			interrupted = nil
			err = r.stop(ctx, context.Cause(asked))
		case now := <-tick.C:
			err = r.look(ctx, now)
		}
	}
	return err
}

// over says whether nothing more is to come.
func (r *podRun) over() bool {
	if r.fetching != nil && !r.fetched {
		return false
	}
	return r.gone || r.last != nil && isTerminal(r.last)
}

func isTerminal(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// after puts another step in the place of the next.
func (r *podRun) after(d time.Duration, do func(context.Context) error) {
	r.next = step{time.Now().Add(d), do}
}

// heed does what a change of the pod asks for.
func (r *podRun) heed(ctx context.Context, u update) error {
	if u.err != nil {
		return unreachable(fmt.Sprintf("follow pod %s, of which the API server told nothing for %s", r.pod.Name, silence), u.err)
	}
	if u.gone {
		r.gone = true
		return nil
	}
	r.last = u.pod
	r.reader.read(ctx, u.pod)
	r.deliver(ctx)
	ended := haveEnded(u.pod)
	if u.pod.DeletionTimestamp != nil && !ended && r.stopped == nil {
		return r.stop(ctx, &brokenError{"Pod got deleted unexpectedly"}) // plank's words
	}
	if ended && r.fetching == nil {
		r.after(r.grace()+unloading+hurry, r.giveUp) // by then the cluster has ended the ferry
		r.fetch(ctx)
	}
	return nil
}

// look does what is due, and ends the wait for a pod that cannot start.
func (r *podRun) look(ctx context.Context, now time.Time) error {
	if now.After(r.next.at) {
		return r.next.do(ctx)
	}
	if r.last == nil || r.stopped != nil {
		return nil
	}
	o, waited := lookAt(r.last), now.Sub(r.started)
	switch {
	case o.what == "" || o.what == r.said && !o.isFinal(waited, r.config):
	case o.isFinal(waited, r.config):
		return r.abandon(ctx, o.asError(r.config))
	case waited > patient:
		r.said = o.what
		r.logs.Say("waiting: %s", o)
		for _, warning := range r.cluster.warnings(ctx, r.pod.Name) {
			r.logs.Say("%s", warning)
		}
	}
	return nil
}

// patient is how long nothing is said of a pod that does not start.
const patient = 2 * time.Second
