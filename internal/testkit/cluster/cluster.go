// Package cluster runs a real Kubernetes node for tests: API server, controllers,
// scheduler and kubelet of upstream's source, on Debian's containerd and runc.
//
// What works against a fake may fail on the real thing, above all at the ends of
// pods. A machine bears one such node, because a kubelet takes the kernel's
// settings and the top of the control groups for its own: a lock sees to that, and
// the next one clears away what a killed one has left.
package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/filelock"
	"slipway.dev/slipway/internal/testkit/need"
)

// Cluster is a running node.
type Cluster struct {
	Kubeconfig string // of somebody who may do everything
	program    string
	dir        string
	ports      ports
	processes  []*process
}

const (
	buildDeadline = 40 * time.Minute
	lockDeadline  = 20 * time.Minute
	startDeadline = 2 * time.Minute
	stopDeadline  = time.Minute
	packages      = "containerd runc containernetworking-plugins iptables conntrack"
)

// Start runs a node until the test ends.
func Start(t testing.TB) *Cluster {
	t.Helper()
	need.Root(t)
	for _, program := range []string{"containerd", "runc", "iptables", "conntrack"} {
		need.Tool(t, program, packages)
	}
	c := &Cluster{dir: filepath.Join(os.TempDir(), "slipway-kubernetes")}
	c.Kubeconfig = c.in("kubeconfig")
	c.takeMachine(t)
	ctx, cancel := context.WithTimeout(t.Context(), startDeadline)
	defer cancel()
	t.Cleanup(func() { c.stop(t) })
	if err := c.start(ctx); err != nil {
		t.Fatalf("start a Kubernetes node: %v\n%s", err, c.logs())
	}
	return c
}

// takeMachine builds what the node runs, and makes this test the only one with one.
func (c *Cluster) takeMachine(t testing.TB) {
	t.Helper()
	say := func(format string, args ...any) { fmt.Fprintf(os.Stderr, "cluster: "+format+"\n", args...) }
	ctx, cancel := context.WithTimeout(t.Context(), buildDeadline)
	defer cancel()
	program, err := node.install(ctx, say)
	if err != nil {
		t.Fatalf("build the node's program: %v", err)
	}
	c.program = program
	machine := filelock.Waiter{For: "a node", Limit: lockDeadline, Say: func(message string) { say("%s", message) }}
	unlock, err := machine.Lock(t.Context(), c.dir+".lock")
	if err != nil {
		t.Fatalf("wait for the machine's other node: %v", err)
	}
	t.Cleanup(unlock)
	if err := c.clear(); err != nil { // of one that was killed
		t.Fatalf("clear away an earlier node: %v", err)
	}
}

// start starts the components in the order in which they need each other.
func (c *Cluster) start(ctx context.Context) error {
	if err := c.configure(); err != nil {
		return err
	}
	if err := c.saveSettings(); err != nil {
		return err
	}
	for _, component := range []component{c.containerd(), c.etcd(), c.apiServer()} {
		c.run(component)
	}
	if err := c.loadPause(ctx); err != nil {
		return err
	}
	if err := c.await(ctx, "/readyz", func([]byte) bool { return true }); err != nil {
		return err
	}
	for _, component := range []component{c.controllers(), c.scheduler(), c.kubelet()} {
		c.run(component)
	}
	if err := c.await(ctx, "/api/v1/nodes/"+nodeName, isReady); err != nil {
		return err
	}
	return c.await(ctx, "/api/v1/namespaces/default/serviceaccounts/default", func([]byte) bool { return true })
}

// stop ends the pods, then the components, the last started first, and gives the
// machine back as it was.
func (c *Cluster) stop(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), stopDeadline)
	defer cancel()
	if t.Failed() {
		t.Log(c.logs())
	}
	if err := c.Kubectl(ctx, "delete", "pods", "--all", "--all-namespaces", "--grace-period=1", "--wait", "--timeout=20s"); err != nil {
		t.Logf("delete the node's pods: %v", err)
	}
	for i := len(c.processes) - 1; i >= 0; i-- {
		c.processes[i].stop()
	}
	if err := c.clear(); err != nil {
		t.Errorf("clear away the node: %v", err)
	}
}

// LoadImage gives the node the images of a docker or OCI archive.
func (c *Cluster) LoadImage(t testing.TB, archive string) {
	t.Helper()
	if err := c.importImage(t.Context(), archive); err != nil {
		t.Fatal(err)
	}
}

func (c *Cluster) importImage(ctx context.Context, archive string) error {
	_, err := exec.Output(ctx, exec.Cmd{Args: []string{
		"ctr", "--address", c.socket(), "--namespace", "k8s.io", "images", "import", archive,
	}})
	return err
}

// Kubectl runs kubectl on the node.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) error {
	_, err := exec.Output(ctx, exec.Cmd{
		Path: c.program, Args: append([]string{"kubernetes", "kubectl", "--kubeconfig", c.Kubeconfig}, args...),
	})
	return err
}

func (c *Cluster) in(elements ...string) string {
	return filepath.Join(append([]string{c.dir}, elements...)...)
}

func (c *Cluster) socket() string { return c.in("containerd.sock") }
