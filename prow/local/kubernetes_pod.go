package local

import (
	"fmt"
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/prow/pkg/kube"

	"slipway.dev/slipway/prow/local/ferry"
)

const (
	ferryName    = "slipway-ferry" // the container that carries folders, and its volume
	sidecarName  = "sidecar"       // as Prow's decoration names it
	managedLabel = "app.kubernetes.io/managed-by"
)

// onCluster makes the plan's pod one that needs nothing that lies on this machine,
// and says what is to be carried.
func onCluster(plan Plan) (*corev1.Pod, cargo, error) {
	pod, err := merge(plan)
	if err != nil {
		return nil, cargo{}, err
	}
	load := cargo{there: map[string]string{}, back: map[string]string{}}
	if err := load.load(&pod.Spec, plan); err != nil {
		return nil, cargo{}, err
	}
	if load.output == "" {
		return nil, cargo{}, fmt.Errorf("run pod %s on a cluster: no volume of it is %s, where its files go; its job must be decorated (decorate: true)", pod.Name, plan.Output)
	}
	container, err := ferryFor(pod, load)
	if err != nil {
		return nil, cargo{}, err
	}
	pod.Spec.InitContainers = append([]corev1.Container{container}, pod.Spec.InitContainers...)
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: ferryName, VolumeSource: emptyVolume("")})
	prolong(&pod.Spec, plan)
	relabel(pod)
	return pod, load, nil
}

// ferryFor is the container that carries: of the sidecar's image and with its rights,
// because it reads what the sidecar writes. As an init container that is restarted
// it is what Kubernetes calls a sidecar: it starts first, its probe holds the
// others back, and it is told to end when they have, even if they failed early.
func ferryFor(pod *corev1.Pod, load cargo) (corev1.Container, error) {
	at := slices.IndexFunc(pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == sidecarName })
	if at < 0 {
		return corev1.Container{}, fmt.Errorf("run pod %s on a cluster: it has no container %s, whose image would carry its files", pod.Name, sidecarName)
	}
	sidecar, always := pod.Spec.Containers[at], corev1.ContainerRestartPolicyAlways
	container := corev1.Container{
		Name: ferryName, Image: sidecar.Image, ImagePullPolicy: sidecar.ImagePullPolicy,
		Args:          []string{path.Base(ferry.Program), ferry.Hold},
		RestartPolicy: &always, Resources: sidecar.Resources, SecurityContext: sidecar.SecurityContext,
		VolumeMounts: load.mounts(),
	}
	if len(load.there) > 0 {
		container.StartupProbe = &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{ferry.Program, ferry.Ready}}},
			PeriodSeconds: 1, FailureThreshold: int32(loading.Seconds()),
		}
	}
	return container, nil
}

// prolong gives the pod the time that carrying takes when it ends, and an end of
// its own should this program die before it.
func prolong(spec *corev1.PodSpec, plan Plan) {
	grace := int64(corev1.DefaultTerminationGracePeriodSeconds)
	if spec.TerminationGracePeriodSeconds != nil {
		grace = *spec.TerminationGracePeriodSeconds
	}
	grace += int64(unloading.Seconds())
	spec.TerminationGracePeriodSeconds = &grace
	if spec.ActiveDeadlineSeconds == nil {
		end := int64(patienceWith(plan, loading).Seconds()) + grace
		spec.ActiveDeadlineSeconds = &end
	}
}

// relabel takes the pod out of the hands of Prow's own controllers, should they
// watch this namespace: sinker deletes what is labelled as Prow's and has no
// ProwJob in the cluster.
func relabel(pod *corev1.Pod) {
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	delete(pod.Labels, kube.CreatedByProw)
	pod.Labels[managedLabel] = "slipway"
}
