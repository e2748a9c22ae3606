package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sigs.k8s.io/prow/pkg/entrypoint"
)

// KubernetesConfig says which cluster a job runs on, and how long it may take to
// start there. The zero value is kubectl's own choice.
type KubernetesConfig struct {
	Kubeconfig  string        // file; empty is $KUBECONFIG, else ~/.kube/config
	Context     string        // empty is the file's current one
	Namespace   string        // empty is the context's
	Unscheduled time.Duration // how long no node may have room; 0 is a minute
	Pending     time.Duration // how long until all containers have started; 0 is the job's, or else Prow's ten minutes
	loose       bool          // the cluster is nobody's: it has no nodes, accounts or classes that a job may name
}

// Kubernetes runs pods on a cluster.
//
// The cluster needs Kubernetes 1.29 or later, and whoever runs a job the rights to
// create, get, watch and delete pods, to read their logs and to start programs in
// them (pods/log and pods/exec): the role "edit" has them. What the plan mounts from
// this machine is carried there and back; see package ferry.
type Kubernetes struct{ config KubernetesConfig }

// NewKubernetes is the engine for the cluster that c names.
func NewKubernetes(c KubernetesConfig) *Kubernetes {
	c.Unscheduled = cmp.Or(c.Unscheduled, time.Minute)
	return &Kubernetes{c}
}

// Run runs the plan's pod on the cluster, and leaves what it left in plan.Output.
// The end of ctx deletes the pod as Prow would: with its grace period, in which
// entrypoint and sidecar write what is to be kept. The pod is gone in the end.
func (k *Kubernetes) Run(ctx context.Context, plan Plan, log io.Writer) (Result, error) {
	cluster, err := connect(k.config)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = os.RemoveAll(plan.Scratch) }() // of an empty name it removes nothing
	if err := errors.Join(os.MkdirAll(plan.Output, 0o755), layOut(plan.Files)); err != nil {
		return Result{}, err
	}
	pod, load, err := onCluster(plan)
	if err != nil {
		return Result{}, err
	}
	if k.config.loose {
		loosen(&pod.Spec)
	}
	pod.Namespace = cluster.namespace
	r := &podRun{cluster: cluster, config: k.config.forJob(plan), plan: plan, pod: pod, cargo: load, logs: NewLogs(log, plan.Local), started: time.Now()}
	return r.do(ctx)
}

// forJob fills in what the job itself says of its start.
func (c KubernetesConfig) forJob(plan Plan) KubernetesConfig {
	if d := plan.ProwJob.Spec.DecorationConfig; c.Pending == 0 && d != nil && d.PodPendingTimeout != nil {
		c.Pending = d.PodPendingTimeout.Duration
	}
	c.Pending = cmp.Or(c.Pending, 10*time.Minute)
	return c
}

const (
	loading   = 10 * time.Minute // what carrying the pod's input may take
	unloading = 5 * time.Minute  // what carrying its output may take
)

// patienceWith is how long a pod may run before it is given up. The entrypoint in
// the pod keeps the job's timeout; this is later.
func patienceWith(plan Plan, start time.Duration) time.Duration {
	timeout, grace := entrypoint.DefaultTimeout, entrypoint.DefaultGracePeriod
	if decoration := plan.ProwJob.Spec.DecorationConfig; decoration != nil {
		timeout = cmp.Or(decoration.Timeout.Get(), timeout)
		grace = cmp.Or(decoration.GracePeriod.Get(), grace)
	}
	return start + timeout + grace + unloading
}

// unreachable words an error of the API server for people.
func unreachable(what string, err error) error {
	return fmt.Errorf("%s: %w; try: kubectl auth can-i create pods", what, err)
}
