package local

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/podman"
	"slipway.dev/slipway/internal/testkit/need"
)

// What the table calls honoured or rewritten holds in real pods: each container
// looks at what it was given, and says it.
func TestHonouredInRealPods(t *testing.T) {
	need.Tool(t, "podman", "podman")
	need.Tool(t, "busybox", "busybox-static")
	p, err := podman.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	image := busybox(t, p)
	t.Run("containers", func(t *testing.T) {
		runPod(t, p, image, "testdata/pods/containers.yaml", map[string]string{
			"bounded":    `(?s)^67108864\n50000( 100000)?\nuid=1000\S* gid=1001\S* .*CapEff:\s+0000000000000000\nNoNewPrivs:\s+1\n[^\n]*Read-only file system\n/bin\n`,
			"privileged": `(?m)^mounted$`,
			"terminal":   `/dev/pts/0`,
			"freed":      `CapEff:\s+[0-9a-f]{12}[13579bdf][0-9a-f]{3}\nSeccomp:\s+0\n`, // NET_ADMIN is bit 12
			"expanded":   `(?m)^a b-a-\$\(A\)-s3cret pod$`,
			"volumes":    `(?s)^first\nmade inside\ns3cret\n.*-r--------[^\n]* k\n.*Read-only file system`,
			"apart":      `(?m)^empty$`,
		})
	})
	t.Run("pod", func(t *testing.T) {
		runPod(t, p, image, "testdata/pods/pod.yaml", map[string]string{
			"all": `(?s)^guest\n1.2.3.4\s+forge\nsearch example.test\nnameserver 192.0.2.1\noptions ndots:3\nuid=1000 gid=1001 groups=5,(1001,)?2000\n.*\s+1 [^\n]*catatonit`,
		})
	})
	t.Run("network", func(t *testing.T) {
		host, err := os.Readlink("/proc/self/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		runPod(t, p, image, "testdata/pods/network.yaml", map[string]string{"network": regexp.QuoteMeta(host)})
	})
}

// busybox makes an image of busybox alone, until the test ends.
func busybox(t *testing.T, p *podman.Podman) string {
	t.Helper()
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	folder, name := t.TempDir(), fmt.Sprintf("localhost/slipway-fields-%d:1", rand.Uint32())
	if err := copyFile(path, filepath.Join(folder, "busybox"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, folder, "Dockerfile", "FROM scratch\nCOPY busybox /bin/busybox\nENTRYPOINT [\"/bin/busybox\", \"sh\", \"-c\"]\n")
	if _, err := p.Output(t.Context(), "build", "--quiet", "--network", "none", "--tag", name, folder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := p.Output(context.Background(), "rmi", "--force", name); err != nil {
			t.Error(err)
		}
	})
	return name
}

// runPod localizes a pod and runs it; each container's log must match its expression.
func runPod(t *testing.T, p *podman.Podman, image, file string, want map[string]string) {
	t.Helper()
	pod := localized(t, image, file)
	manifest, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.RemovePod(context.Background(), pod.Name); err != nil {
			t.Error(err)
		}
	})
	if err := p.Play(t.Context(), manifest); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range pod.Spec.Containers {
		names = append(names, pod.Name+"-"+c.Name)
	}
	await(t, p, names)
	for _, c := range pod.Spec.Containers {
		log := logOf(t, p, pod.Name+"-"+c.Name)
		if expression, ok := want[c.Name]; !ok || !regexp.MustCompile(expression).MatchString(log) {
			t.Errorf("container %s said\n%s\nwant a match of %s", c.Name, log, expression)
		}
	}
}

// localized is the pod of a file as this machine runs it, with its files made.
func localized(t *testing.T, image, file string) *corev1.Pod {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	shared := t.TempDir()
	write(t, shared, "part/file", "first\n")
	secrets := t.TempDir()
	write(t, secrets, "s/k", "s3cret")
	pod := &corev1.Pod{}
	replaced := strings.NewReplacer("IMAGE", image, "SHARED", shared).Replace(string(text))
	if err := yaml.UnmarshalStrict([]byte(replaced), pod); err != nil {
		t.Fatal(err)
	}
	pod.APIVersion, pod.Kind, pod.Name = "v1", "Pod", fmt.Sprintf("slipway-fields-%d", rand.Uint32())
	l := localizer{
		Options: Options{Secrets: Secrets{Dir: secrets}}, original: pod, pod: pod.DeepCopy(),
		scratch: filepath.Join(t.TempDir(), "scratch"), folders: map[string]string{}, changes: &changes{},
	}
	if err := l.run(); err != nil {
		t.Fatal(err)
	}
	if err := layOut(l.files); err != nil {
		t.Fatal(err)
	}
	return l.pod
}

func await(t *testing.T, p *podman.Podman, names []string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		containers, err := p.Containers(t.Context(), names...)
		if err != nil {
			t.Fatal(err)
		}
		running := 0
		for _, c := range containers {
			if !c.Exited() {
				running++
			}
		}
		switch {
		case running == 0 && len(containers) == len(names):
			return
		case time.Now().After(deadline):
			t.Fatalf("%d of %v do not end", running, names)
		}
	}
}

func logOf(t *testing.T, p *podman.Podman, name string) string {
	t.Helper()
	var log strings.Builder
	if err := p.Run(t.Context(), &log, "logs", name); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(log.String(), "\r\n", "\n")
}
