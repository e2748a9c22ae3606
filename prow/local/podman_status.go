package local

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slipway.dev/slipway/internal/podman"
)

// status is the status that a kubelet would give the pod.
func (r *podmanRun) status(containers []podman.Container) corev1.PodStatus {
	started := metav1.NewTime(r.started)
	status := corev1.PodStatus{
		Phase: corev1.PodSucceeded, StartTime: &started, QOSClass: corev1.PodQOSBestEffort,
		InitContainerStatuses: r.statuses(r.plan.Local.Spec.InitContainers, containers),
		ContainerStatuses:     r.statuses(r.plan.Local.Spec.Containers, containers),
	}
	for _, s := range slices.Concat(status.InitContainerStatuses, status.ContainerStatuses) {
		if s.State.Terminated == nil || s.State.Terminated.ExitCode != 0 {
			status.Phase = corev1.PodFailed
		}
	}
	return status
}

func (r *podmanRun) statuses(declared []corev1.Container, containers []podman.Container) []corev1.ContainerStatus {
	var statuses []corev1.ContainerStatus
	for _, d := range declared {
		i := slices.IndexFunc(containers, func(c podman.Container) bool { return c.Name == r.name(d.Name) })
		s := corev1.ContainerStatus{Name: d.Name, Image: d.Image}
		if i < 0 {
			s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "PodInitializing"}
		} else {
			s.ImageID, s.ContainerID = "sha256:"+containers[i].Image, "podman://"+containers[i].ID
			s.State = r.state(containers[i])
		}
		statuses = append(statuses, s)
	}
	return statuses
}

func (r *podmanRun) state(c podman.Container) corev1.ContainerState {
	switch {
	case c.Running():
		return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(c.State.StartedAt)}}
	case !c.Exited():
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}}
	}
	ended := &corev1.ContainerStateTerminated{
		ExitCode: int32(c.State.ExitCode), Reason: "Completed", ContainerID: "podman://" + c.ID,
		StartedAt: metav1.NewTime(c.State.StartedAt), FinishedAt: metav1.NewTime(c.State.FinishedAt),
	}
	if c.State.ExitCode != 0 {
		ended.Reason = "Error"
		if log := r.files[c.Name]; log != nil {
			ended.Message = string(log.tail)
		}
	}
	if c.State.OOMKilled {
		ended.Reason = reasonOutOfMemory
	}
	return corev1.ContainerState{Terminated: ended}
}
