package local

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// merge is the pod as Prow would hand it to a cluster, but with what this machine
// gives it: images, folders, and the values of variables. The rest of what Local
// rewrites is for podman, which cannot do what a cluster can.
func merge(plan Plan) (*corev1.Pod, error) {
	pod := plan.Pod.DeepCopy()
	pod.Name = plan.Local.Name
	pod.Spec.Volumes = mergeVolumes(plan)
	for _, pair := range [][2][]corev1.Container{
		{pod.Spec.InitContainers, plan.Local.Spec.InitContainers},
		{pod.Spec.Containers, plan.Local.Spec.Containers},
	} {
		for i := range pair[0] {
			at := slices.IndexFunc(pair[1], func(c corev1.Container) bool { return c.Name == pair[0][i].Name })
			if at < 0 {
				return nil, fmt.Errorf("run pod %s on a cluster: the plan has no container %s", pod.Name, pair[0][i].Name)
			}
			mergeContainer(&pair[0][i], pair[1][at])
		}
	}
	return pod, nil
}

func mergeContainer(c *corev1.Container, here corev1.Container) {
	c.Image, c.ImagePullPolicy = here.Image, here.ImagePullPolicy
	c.Env, c.EnvFrom = mergeEnv(c.Env, here.Env), here.EnvFrom
	for _, mount := range here.VolumeMounts {
		if !slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == mount.MountPath }) {
			c.VolumeMounts = append(c.VolumeMounts, mount)
		}
	}
}

// mergeEnv takes the values of this machine but for what only the cluster knows.
func mergeEnv(original, here []corev1.EnvVar) []corev1.EnvVar {
	merged := slices.Clone(here)
	for i, v := range merged {
		at := slices.IndexFunc(original, func(o corev1.EnvVar) bool { return o.Name == v.Name && o.ValueFrom != nil })
		if at >= 0 && (original[at].ValueFrom.FieldRef != nil || original[at].ValueFrom.ResourceFieldRef != nil) {
			merged[i] = original[at]
		}
	}
	return merged
}

// mergeVolumes are Local's, in which a folder of this machine stands for a volume,
// but for those that a cluster makes empty itself.
func mergeVolumes(plan Plan) []corev1.Volume {
	merged := slices.Clone(plan.Local.Spec.Volumes)
	for i, v := range merged {
		if original := volumeOf(plan.Pod, v.Name); original.EmptyDir != nil {
			merged[i] = original
		}
	}
	return slices.DeleteFunc(merged, func(v corev1.Volume) bool { return !isMounted(plan, v.Name) })
}

// isMounted says whether the merged pod mounts a volume: Local has more of them where
// podman cannot mount a part of one.
func isMounted(plan Plan, volume string) bool {
	if volumeOf(plan.Pod, volume).Name != "" {
		return true
	}
	for _, list := range [][]corev1.Container{plan.Local.Spec.InitContainers, plan.Local.Spec.Containers} {
		for _, c := range list {
			for _, m := range c.VolumeMounts {
				if m.Name == volume && !mountsAt(plan.Pod, c.Name, m.MountPath) {
					return true
				}
			}
		}
	}
	return false
}

// mountsAt says whether a container of the pod mounts something at path.
func mountsAt(pod *corev1.Pod, container, path string) bool {
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if c.Name == container {
			return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == path })
		}
	}
	return false
}

// loosen lets a pod run on a cluster that has none of what a job names of its own:
// nodes, accounts, classes, and room for what it requests.
func loosen(spec *corev1.PodSpec) {
	no := false
	spec.NodeName, spec.NodeSelector, spec.Affinity, spec.TopologySpreadConstraints = "", nil, nil, nil
	spec.SchedulerName, spec.PriorityClassName, spec.Priority, spec.RuntimeClassName = "", "", nil, nil
	spec.ServiceAccountName, spec.DeprecatedServiceAccount, spec.ImagePullSecrets = "", "", nil
	spec.AutomountServiceAccountToken = &no
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			list[i].Resources.Requests = nil
		}
	}
}
