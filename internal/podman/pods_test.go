package podman

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

const podManifest = `
apiVersion: v1
kind: Pod
metadata:
  name: POD
  annotations: {io.podman.annotations.init.container.type: always}
spec:
  restartPolicy: Never
  initContainers:
  - {name: first, image: IMAGE, imagePullPolicy: Never, command: [/busybox, echo, prepared]}
  containers:
  - {name: test, image: IMAGE, imagePullPolicy: Never, command: [/busybox, sh, -c, "trap 'exit 9' TERM; echo ready; while true; do /busybox sleep 0.1; done"]}
`

// podImage makes an image of busybox alone, until the test ends.
func podImage(t *testing.T, p *Podman) string {
	t.Helper()
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	name, folder := fmt.Sprintf("localhost/slipway-pods-%x:latest", rand.Uint32()), t.TempDir()
	if _, err := exec.Output(t.Context(), exec.Cmd{Args: []string{"cp", busybox, filepath.Join(folder, "busybox")}}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "Dockerfile"), []byte("FROM scratch\nCOPY busybox /busybox\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Output(t.Context(), "build", "--quiet", "--layers=false", "--network=none", "--tag", name, folder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Remove(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	return name
}

// A pod is played, looked at, asked to end and removed.
func TestPods(t *testing.T) {
	need.Tool(t, "podman", "podman")
	need.Tool(t, "busybox", "busybox-static")
	p, err := New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, pod := t.Context(), fmt.Sprintf("slipway-pods-%x", rand.Uint32())
	names := []string{pod + "-first", pod + "-test", pod + "-none"}
	manifest := strings.NewReplacer("POD", pod, "IMAGE", podImage(t, p)).Replace(podManifest)
	t.Cleanup(func() {
		if err := p.RemovePod(context.Background(), pod); err != nil {
			t.Error(err)
		}
	})
	if err := p.Play(ctx, []byte(manifest)); err != nil {
		t.Fatal(err)
	}
	first, test := inspectTwo(t, p, names)
	if !first.Exited() || first.Running() || !test.Running() || test.Exited() {
		t.Errorf("after the start: %+v, %+v", first.State, test.State)
	}
	logs, err := p.ContainerLogs(ctx)
	if err != nil || logs[names[1]] != test.Log() {
		t.Errorf("the log is %s (%v), podman says %s", logs[names[1]], err, test.Log())
	}
	if text, err := os.ReadFile(logs[names[0]]); err != nil || !strings.HasSuffix(string(text), " stdout F prepared\n") {
		t.Errorf("the init container's log: %q, %v", text, err)
	}
	if err := p.Signal(ctx, "TERM", names[1]); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(20 * time.Second); !test.Exited() && time.Now().Before(deadline); {
		_, test = inspectTwo(t, p, names)
	}
	if test.State.ExitCode != 9 || test.State.FinishedAt.Before(test.State.StartedAt) {
		t.Errorf("after its end: %+v", test.State)
	}
	if err := p.Signal(ctx, "TERM", names[1]); err != nil {
		t.Errorf("signal one that has ended: %v", err)
	}
	if err := p.RemovePod(ctx, pod); err != nil {
		t.Error(err)
	}
	if left, err := p.Containers(ctx, names...); err != nil || len(left) > 0 {
		t.Errorf("still there: %v, %v", left, err)
	}
}

func inspectTwo(t *testing.T, p *Podman, names []string) (first, second Container) {
	t.Helper()
	found, err := p.Containers(t.Context(), names...)
	if err != nil || len(found) != 2 || found[0].Name != names[0] || found[1].Name != names[1] {
		t.Fatalf("got %+v, %v", found, err)
	}
	return found[0], found[1]
}

func TestSaid(t *testing.T) {
	stderr := "failed to connect to syslog: Initialization\n\nstarting container: no such file\nError: failed to start 1 containers\n"
	want := "starting container: no such file; Error: failed to start 1 containers"
	if diff := cmp.Diff(want, said(stderr)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What containers left becomes the caller's, and nothing that a link points to.
func TestReclaim(t *testing.T) {
	need.Root(t)
	p := &Podman{}
	folder, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	inside, link := filepath.Join(folder, "a", "b"), filepath.Join(folder, "link")
	if err := errors.Join(os.MkdirAll(inside, 0o700), os.WriteFile(outside, nil, 0o600), os.Symlink(outside, link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{inside, outside, link} {
		if err := os.Lchown(path, 1234, 1234); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Reclaim(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]uint32{inside: 0, link: 0, outside: 1234} {
		if got := owner(t, path); got != want {
			t.Errorf("%s belongs to %d, want %d", path, got, want)
		}
	}
	if err := p.RemoveAll(t.Context(), folder); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder: %v", err)
	}
}

func owner(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}
