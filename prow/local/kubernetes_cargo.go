package local

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"slipway.dev/slipway/prow/local/ferry"
)

// gitVolume begins the names of the volumes that hold the job's repositories.
const gitVolume = "slipway-git-"

// cargo is what is carried between this machine and the pod's volumes.
type cargo struct {
	there  map[string]string // volumes that are filled before anything runs, and the folders or files that fill them
	back   map[string]string // volumes that the job may have changed, and the folders that they change
	output string            // the volume that is added to plan.Output
}

// volumes are all that are carried, sorted.
func (c cargo) volumes() []string {
	return append(slices.Sorted(maps.Keys(c.there)), c.output)
}

// packed names what is packed for the pod as it is to lie in it.
func (c cargo) packed() map[string]string {
	names := map[string]string{}
	for volume, source := range c.there {
		if isFile(source) {
			volume = path.Join(volume, filepath.Base(source))
		}
		names[volume] = source
	}
	return names
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// load puts volumes of the cluster into the pod in the place of what lies on this
// machine. What the job itself asks for as a path of its node is the cluster's.
func (c *cargo) load(spec *corev1.PodSpec, plan Plan) error {
	for i := range spec.Volumes {
		v := &spec.Volumes[i]
		original := volumeOf(plan.Pod, v.Name)
		switch {
		case v.HostPath == nil:
		case sameFolder(v.HostPath.Path, plan.Output):
			c.output = v.Name
			v.VolumeSource = emptyVolume("")
		case original.HostPath != nil && original.HostPath.Path == v.HostPath.Path:
		default:
			if err := c.take(spec, v, plan); err != nil {
				return fmt.Errorf("carry volume %s to the cluster: %w", v.Name, err)
			}
			if original.Secret != nil {
				v.EmptyDir.Medium = corev1.StorageMediumMemory // it never was on the node's disk
			}
		}
	}
	return nil
}

// take notes a folder or file of this machine to be carried, there and, if the job
// may write to it, back.
func (c *cargo) take(spec *corev1.PodSpec, v *corev1.Volume, plan Plan) error {
	source := v.HostPath.Path
	if _, err := os.Stat(source); err != nil {
		return err
	}
	if isFile(source) {
		mountFile(spec, v.Name, filepath.Base(source))
	} else if isWritable(spec, v.Name) {
		if strings.HasPrefix(v.Name, gitVolume) && !isOwn(source, plan) {
			return fmt.Errorf("a cluster cannot work in %s itself; let the job have a copy (no --in-place)", source)
		}
		c.back[v.Name] = source
	}
	c.there[v.Name] = source
	v.VolumeSource = emptyVolume("")
	return nil
}

// mountFile makes the mounts of a file those of a file in a volume.
func mountFile(spec *corev1.PodSpec, volume, file string) {
	for _, mount := range mountsOf(spec, volume) {
		mount.SubPath = file
	}
}

func isWritable(spec *corev1.PodSpec, volume string) bool {
	return slices.ContainsFunc(mountsOf(spec, volume), func(m *corev1.VolumeMount) bool { return !m.ReadOnly })
}

func mountsOf(spec *corev1.PodSpec, volume string) []*corev1.VolumeMount {
	var mounts []*corev1.VolumeMount
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			for j := range containers[i].VolumeMounts {
				if mount := &containers[i].VolumeMounts[j]; mount.Name == volume {
					mounts = append(mounts, mount)
				}
			}
		}
	}
	return mounts
}

func volumeOf(pod *corev1.Pod, name string) corev1.Volume {
	for _, v := range pod.Spec.Volumes {
		if v.Name == name {
			return v
		}
	}
	return corev1.Volume{}
}

// isOwn says whether a folder was made for the run. Any other may change meanwhile.
func isOwn(folder string, plan Plan) bool {
	return isBelow(folder, plan.Output) || isBelow(folder, plan.Scratch)
}

func sameFolder(a, b string) bool { return filepath.Clean(a) == filepath.Clean(b) }

func isBelow(path, folder string) bool {
	return folder != "" && strings.HasPrefix(filepath.Clean(path), filepath.Clean(folder)+string(filepath.Separator))
}

func emptyVolume(medium corev1.StorageMedium) corev1.VolumeSource {
	return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: medium}}
}

// mounts are those of the container that carries.
func (c cargo) mounts() []corev1.VolumeMount {
	mounts := []corev1.VolumeMount{{Name: ferryName, MountPath: ferry.State}}
	for _, volume := range c.volumes() {
		mounts = append(mounts, corev1.VolumeMount{Name: volume, MountPath: path.Join(ferry.Volumes, volume)})
	}
	return mounts
}
