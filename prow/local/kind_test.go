package local

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"slipway.dev/slipway/internal/podman"
)

// standIns are programs that write down how they were called and answer with the
// texts of kind v0.33.0 and docker 20.10. They are no kind: its node image cannot be
// had on every machine. That pods run on a real node is TestKubernetes' to show;
// what is seen here is which programs are called, in which order, with what.
var standIns = map[string]string{
	"kind": `
case "$1 $2" in
"get clusters") [ -e "$STATE/cluster" ] && echo slipway || echo 'No kind clusters found.' >&2 ;;
"create cluster") echo 'Creating cluster "slipway" ...' >&2; [ -z "$BROKEN" ] || { echo "$BROKEN" >&2; exit 1; }; : > "$STATE/cluster" ;;
"get nodes") printf 'slipway-control-plane\nslipway-worker\n' ;;
"load image-archive") [ -s "$3" ] || exit 1; echo slipway.dev/images/pod-utilities:aa >> "$STATE/slipway-worker" ;;
"get kubeconfig") echo 'kind: Config' ;;
*) exit 64 ;;
esac`,
	"docker": `
case "$1" in
info) [ -z "$DOWN" ] || { echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2; exit 1; }; echo 20.10.24 ;;
exec) echo slipway.dev/images/gotest:bb; [ ! -e "$STATE/$2" ] || while read -r image; do echo "$image"; done < "$STATE/$2" ;;
*) exit 64 ;;
esac`,
	"podman": `while [ "$1" != --output ]; do shift; done; echo archive > "$2"`,
}

// onlyStandIns is a PATH of stand-ins, but for those that are left out. It returns
// what was called so far.
func onlyStandIns(t *testing.T, without string) func() []string {
	t.Helper()
	state := t.TempDir()
	t.Setenv("STATE", state)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PATH", filepath.Join(state, "bin"))
	for name, script := range standIns {
		if name == without {
			continue
		}
		write(t, state, "bin/"+name, fmt.Sprintf("#!/bin/sh\necho %s \"$@\" >> \"$STATE/calls\"\n%s\n", name, script))
		if err := os.Chmod(filepath.Join(state, "bin", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return func() []string {
		calls, _ := os.ReadFile(filepath.Join(state, "calls"))
		_ = os.Remove(filepath.Join(state, "calls"))
		return strings.Split(strings.TrimSpace(string(calls)), "\n")
	}
}

func kindPod() *corev1.Pod {
	return &corev1.Pod{Spec: corev1.PodSpec{
		InitContainers: []corev1.Container{{Image: "slipway.dev/images/pod-utilities:aa", ImagePullPolicy: corev1.PullNever}},
		Containers: []corev1.Container{
			{Image: "slipway.dev/images/gotest:bb", ImagePullPolicy: corev1.PullNever},
			{Image: "slipway.dev/images/pod-utilities:aa", ImagePullPolicy: corev1.PullNever},
			{Image: "registry.example/tool@sha256:" + strings.Repeat("c", 64), ImagePullPolicy: corev1.PullNever},
			{Image: "registry.example/other:1"},
		},
	}}
}

func prepareKind(t *testing.T) (kubeconfig string, folder string, said []string, err error) {
	t.Helper()
	p, err := podman.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	step := kindStep{podman: p, folder: folder, say: func(text string) { said = append(said, text) }}
	kubeconfig, err = step.prepare(t.Context(), kindPod())
	return kubeconfig, folder, said, err
}

func TestKindMakesAClusterAndUsesItAgain(t *testing.T) {
	calls := onlyStandIns(t, "")
	kubeconfig, folder, _, err := prepareKind(t)
	if err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(kubeconfig); err != nil || string(content) != "kind: Config\n" {
		t.Errorf("the kubeconfig is %q, %v", content, err)
	}
	look := []string{
		"kind get nodes --name slipway",
		"docker exec slipway-control-plane ctr --namespace k8s.io images list --quiet",
		"docker exec slipway-worker ctr --namespace k8s.io images list --quiet",
	}
	load := []string{
		"podman save --quiet --format docker-archive --multi-image-archive --output " + folder + "/images.tar slipway.dev/images/pod-utilities:aa",
		"kind load image-archive " + folder + "/images.tar --name slipway",
	}
	want := []string{"docker info --format {{.ServerVersion}}", "kind get clusters",
		"kind create cluster --name slipway --wait 120s --kubeconfig " + folder + "/created"}
	want = append(append(append(want, look...), load...), "kind get kubeconfig --name slipway")
	if diff := cmp.Diff(want, calls()); diff != "" {
		t.Errorf("the first run called (-want +got):\n%s", diff)
	}

	write(t, os.Getenv("STATE"), "slipway-control-plane", "slipway.dev/images/pod-utilities:aa\n")
	if _, _, said, err := prepareKind(t); err != nil || len(said) > 0 {
		t.Errorf("the second run: %v, and it said %q", err, said)
	}
	want = append(append([]string{want[0], want[1]}, look...), "kind get kubeconfig --name slipway")
	if diff := cmp.Diff(want, calls()); diff != "" {
		t.Errorf("the second run called (-want +got):\n%s", diff)
	}
}

func TestKindSaysWhatIsMissing(t *testing.T) {
	tests := []struct {
		name, without string
		env           map[string]string
		want          []string
	}{
		{name: "kind", without: "kind", want: []string{"kind is not installed", "go install sigs.k8s.io/kind@"}},
		{name: "docker", without: "docker", want: []string{"docker is not installed", "apt-get install docker.io"}},
		{name: "daemon", env: map[string]string{"DOWN": "1"}, want: []string{"Is the docker daemon running?", "systemctl start docker"}},
		{name: "node image", env: map[string]string{"BROKEN": "ERROR: failed to create cluster: failed to pull image"}, want: []string{"kind create cluster", "failed to pull image"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onlyStandIns(t, tt.without)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			_, _, _, err := prepareKind(t)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v; want %s", err, want)
				}
			}
		})
	}
}

func TestImagesByDigestAreTheClustersToPull(t *testing.T) {
	pod := kindPod()
	want := []string{"slipway.dev/images/gotest:bb", "slipway.dev/images/pod-utilities:aa"}
	if diff := cmp.Diff(want, localImages(pod)); diff != "" {
		t.Errorf("images to load (-want +got):\n%s", diff)
	}
	if policy := pod.Spec.Containers[2].ImagePullPolicy; policy != corev1.PullIfNotPresent {
		t.Errorf("the image by digest has policy %s", policy)
	}
}
