package local

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// obstacle is what keeps a pod from starting.
type obstacle struct {
	what        string // empty is nothing
	cure        string
	final       bool // waiting will not help
	unscheduled bool
}

func (o obstacle) String() string {
	if o.cure == "" {
		return o.what
	}
	return o.what + "; " + o.cure
}

// isFinal says whether to wait no longer.
func (o obstacle) isFinal(waited time.Duration, c KubernetesConfig) bool {
	return o.final || o.unscheduled && waited > c.Unscheduled || waited > c.Pending
}

// asError is why a run ends: the obstacle, or the job's patience with it.
func (o obstacle) asError(c KubernetesConfig) error {
	if o.final || o.unscheduled {
		return &brokenError{o.String()}
	}
	return fmt.Errorf("%w: %s", &OverdueError{After: c.Pending}, o)
}

// lookAt finds what keeps the pod from starting, as far as its status says.
func lookAt(pod *corev1.Pod) obstacle {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return obstacle{
				what:        fmt.Sprintf("no node takes the pod: %s: %s", condition.Reason, condition.Message),
				cure:        "compare what the job asks for (resources, nodeSelector, tolerations) with: kubectl describe nodes",
				unscheduled: true,
			}
		}
	}
	if haveEnded(pod) {
		return obstacle{}
	}
	for _, status := range statuses(pod) {
		if o := waitingFor(pod, status); o.what != "" {
			return o
		}
	}
	return obstacle{}
}

// waitingFor words what a container waits for.
func waitingFor(pod *corev1.Pod, status corev1.ContainerStatus) obstacle {
	waiting := status.State.Waiting
	if waiting == nil || waiting.Reason == "PodInitializing" {
		return obstacle{}
	}
	o := obstacle{what: fmt.Sprintf("container %s: %s", status.Name, joined(waiting.Reason, waiting.Message))}
	switch waiting.Reason {
	case "ErrImagePull":
		o.cure = imageCure(status.Image) // the kubelet tries once more
	case "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName":
		o.final, o.cure = true, imageCure(status.Image)
	case "CreateContainerConfigError":
		o.final, o.cure = true, fmt.Sprintf("make what it names in namespace %s, or take it out of the job", pod.Namespace)
	case "CreateContainerError", "RunContainerError", "CrashLoopBackOff":
		o.final, o.cure = true, fmt.Sprintf("see: kubectl describe pod, and whether image %s has the program", status.Image)
	}
	return o
}

func imageCure(image string) string {
	return fmt.Sprintf("push the image where the cluster's nodes can pull it (slipway image push), name one that they can, or load %s into them", image)
}

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}

// statuses are the pod's containers in the order in which they run, without ours.
func statuses(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
}

// haveEnded says whether no container of the job will run any more: all have ended,
// or an init container failed.
func haveEnded(pod *corev1.Pod) bool {
	if isTerminal(pod) {
		return true
	}
	for _, status := range pod.Status.InitContainerStatuses {
		if end := status.State.Terminated; status.Name != ferryName && end != nil && end.ExitCode != 0 {
			return true
		}
	}
	return len(pod.Status.ContainerStatuses) > 0 &&
		!slices.ContainsFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.State.Terminated == nil })
}

// endOf words how a pod ended.
func endOf(status corev1.PodStatus) string {
	return joined(string(status.Phase), status.Reason, status.Message)
}
