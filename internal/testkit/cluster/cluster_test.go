package cluster

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/testkit/need"
)

const pod = `apiVersion: v1
kind: Pod
metadata: {name: hello}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  containers:
  - name: hello
    image: slipway.dev/test/busybox:1
    imagePullPolicy: Never
    command: [/bin/busybox, echo, hello]
`

// TestNodeRunsAPod runs a pod on a node, and finds the machine as it was before.
func TestNodeRunsAPod(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "kubernetes" {
		t.Skip("a Kubernetes node takes ten minutes to build once, and the whole machine; run: make e2e-kubernetes")
	}
	need.Tool(t, "busybox", "busybox-static")
	before := machine(t)
	t.Run("node", func(t *testing.T) {
		started := time.Now()
		c := Start(t)
		t.Logf("the node was ready after %s", time.Since(started).Round(time.Millisecond))

		archive, manifest := filepath.Join(t.TempDir(), "busybox.tar"), filepath.Join(t.TempDir(), "pod.yaml")
		if err := WriteImage(archive, "slipway.dev/test/busybox:1", map[string]string{"bin/busybox": "/bin/busybox"}); err != nil {
			t.Fatal(err)
		}
		c.LoadImage(t, archive)
		if err := os.WriteFile(manifest, []byte(pod), 0o644); err != nil {
			t.Fatal(err)
		}
		kubectl := func(args ...string) {
			t.Helper()
			if err := c.Kubectl(t.Context(), args...); err != nil {
				t.Fatal(err)
			}
		}
		applied := time.Now()
		kubectl("apply", "-f", manifest)
		kubectl("wait", "pod/hello", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
		t.Logf("a pod took %s", time.Since(applied).Round(time.Millisecond))
	})
	if diff := cmp.Diff(before, machine(t)); diff != "" {
		t.Errorf("the machine is not as it was (-before +after):\n%s", diff)
	}
}

// machine is what a node changes of a machine.
func machine(t *testing.T) map[string]string {
	t.Helper()
	state := map[string]string{}
	for _, setting := range settings {
		value, err := os.ReadFile(filepath.Join("/proc/sys", setting))
		if err != nil {
			t.Fatal(err)
		}
		state[setting] = string(value)
	}
	for _, pattern := range []string{"/sys/fs/cgroup/*/kubepods", "/sys/fs/cgroup/kubepods", "/sys/class/net/" + bridge, os.TempDir() + "/slipway-kubernetes"} {
		found, _ := filepath.Glob(pattern)
		for _, path := range found {
			state[path] = "is there"
		}
	}
	return state
}
