package local

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/podman"
	"slipway.dev/slipway/internal/progress"
)

// InstallKind is the command that installs kind, for errors.
const InstallKind = "go install sigs.k8s.io/kind@v0.33.0"

// kindCluster is the name of the cluster that is made once and used again.
const kindCluster = "slipway"

// The longest that kind's steps take: a cluster's first start pulls an image of 300 MB.
const (
	kindCreates = 15 * time.Minute
	kindLoads   = 15 * time.Minute
	kindAnswers = time.Minute
)

// Kind runs pods on a cluster in docker that kind makes on this machine.
//
// The cluster stays for the next run; `kind delete cluster --name slipway` removes it.
// An image that it has is not loaded again: its tag says what is in it.
type Kind struct{ podman *podman.Podman }

// NewKind is the engine whose images come from p's storage.
func NewKind(p *podman.Podman) *Kind { return &Kind{p} }

// Run runs the plan's pod on the cluster, which it makes if there is none.
func (k *Kind) Run(ctx context.Context, plan Plan, log io.Writer) (Result, error) {
	folder, err := os.MkdirTemp("", "slipway-kind-")
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	logs := NewLogs(log, plan.Local)
	step := kindStep{podman: k.podman, folder: folder, say: func(text string) { logs.Say("%s", text) }}
	plan.Local = plan.Local.DeepCopy()
	kubeconfig, err := step.prepare(ctx, plan.Local)
	if err != nil {
		return Result{}, fmt.Errorf("prepare kind's cluster: %w", err)
	}
	logs.End()
	return NewKubernetes(KubernetesConfig{Kubeconfig: kubeconfig, loose: true}).Run(ctx, plan, log)
}

// kindStep makes the cluster ready for one pod.
type kindStep struct {
	podman *podman.Podman
	folder string // for what passes between programs
	say    func(string)
}

// prepare returns the kubeconfig of a cluster that has the pod's images.
func (k kindStep) prepare(ctx context.Context, pod *corev1.Pod) (kubeconfig string, err error) {
	if err := checkKind(ctx); err != nil {
		return "", err
	}
	unlock, err := lockKind(ctx, k.say)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := k.cluster(ctx); err != nil {
		return "", err
	}
	if err := k.images(ctx, localImages(pod)); err != nil {
		return "", err
	}
	config, err := ask(ctx, kindAnswers, "kind", "get", "kubeconfig", "--name", kindCluster)
	if err != nil {
		return "", err
	}
	kubeconfig = filepath.Join(k.folder, "kubeconfig")
	return kubeconfig, os.WriteFile(kubeconfig, config, 0o600)
}

// checkKind says what is missing, with the cure.
func checkKind(ctx context.Context) error {
	if _, err := exec.LookPath("kind"); err != nil {
		return fmt.Errorf("kind is not installed; run: %s", InstallKind)
	}
	if _, err := exec.LookPath("docker"); err != nil {
		return fmt.Errorf("docker is not installed, and kind runs its nodes in it; run: apt-get install docker.io")
	}
	if _, err := ask(ctx, kindAnswers, "docker", "info", "--format", "{{.ServerVersion}}"); err != nil {
		return fmt.Errorf("docker's daemon does not answer; start it (systemctl start docker), or use --engine podman: %w", err)
	}
	return nil
}

// cluster makes the cluster unless there is one.
func (k kindStep) cluster(ctx context.Context) error {
	have, err := ask(ctx, kindAnswers, "kind", "get", "clusters")
	if err != nil || slices.Contains(strings.Fields(string(have)), kindCluster) {
		return err
	}
	k.say("making the cluster " + kindCluster + " with kind")
	defer progress.Watch(10*time.Second, "make the cluster", k.say)()
	kubeconfig := filepath.Join(k.folder, "created") // the user's own is left alone
	_, err = ask(ctx, kindCreates, "kind", "create", "cluster", "--name", kindCluster, "--wait", "120s", "--kubeconfig", kubeconfig)
	return err
}

// images loads those that a node of the cluster lacks.
func (k kindStep) images(ctx context.Context, wanted []string) error {
	nodes, err := ask(ctx, kindAnswers, "kind", "get", "nodes", "--name", kindCluster)
	if err != nil {
		return err
	}
	missing := map[string]bool{}
	for node := range strings.FieldsSeq(string(nodes)) {
		have, err := ask(ctx, kindAnswers, "docker", "exec", node, "ctr", "--namespace", "k8s.io", "images", "list", "--quiet")
		if err != nil {
			return err
		}
		for _, image := range wanted {
			if !slices.Contains(strings.Fields(string(have)), image) {
				missing[image] = true
			}
		}
	}
	wanted = slices.DeleteFunc(slices.Clone(wanted), func(image string) bool { return !missing[image] })
	if len(wanted) == 0 {
		return nil
	}
	return k.load(ctx, wanted)
}

// load carries images from podman's storage to the cluster's nodes.
func (k kindStep) load(ctx context.Context, images []string) error {
	k.say("loading into the cluster: " + strings.Join(images, ", "))
	defer progress.Watch(10*time.Second, "load images", k.say)()
	archive := filepath.Join(k.folder, "images.tar")
	ctx, cancel := context.WithTimeout(ctx, kindLoads)
	defer cancel()
	args := []string{"save", "--quiet", "--format", "docker-archive", "--multi-image-archive", "--output", archive}
	if _, err := k.podman.Output(ctx, append(args, images...)...); err != nil {
		return err
	}
	defer os.Remove(archive)
	_, err := ask(ctx, kindLoads, "kind", "load", "image-archive", archive, "--name", kindCluster)
	return err
}

// localImages are the pod's images that only podman's storage has. One that is named
// by digest loses its name in an archive: the cluster pulls it itself.
func localImages(pod *corev1.Pod) []string {
	var images []string
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			switch {
			case list[i].ImagePullPolicy != corev1.PullNever:
			case strings.Contains(list[i].Image, "@"):
				list[i].ImagePullPolicy = corev1.PullIfNotPresent
			default:
				images = append(images, list[i].Image)
			}
		}
	}
	slices.Sort(images)
	return slices.Compact(images)
}

// ask runs a program and returns what it says.
func ask(ctx context.Context, longest time.Duration, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("not done within %s", longest))
	defer cancel()
	return exec.Output(ctx, exec.Cmd{Args: args, Grace: 5 * time.Second})
}
