package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/prow/pkg/entrypoint"
	"sigs.k8s.io/prow/pkg/sidecar"

	"slipway.dev/slipway/internal/podman"
)

// MarkerError is the cause of ending a pod whose job has ended without a word to
// sidecar, which would wait for one until the pod is overdue.
type MarkerError struct {
	Container string
	Err       error // why the engine cannot tell sidecar either
}

func (e *MarkerError) Error() string {
	cure := ""
	if errors.Is(e.Err, syscall.ENOSPC) {
		cure = "; make room and run the job again"
	}
	return fmt.Sprintf("container %s has ended, and sidecar cannot be told: %v%s", e.Container, e.Err, cure)
}

func (e *MarkerError) Unwrap() error { return e.Err }

// marker is the file by which entrypoint tells sidecar that a container of the job
// has ended. It is the last thing that entrypoint does.
type marker struct{ container, path string }

// markersOf names sidecar and what it waits for, as this machine sees it.
func markersOf(pod *corev1.Pod) (waiter string, markers []marker) {
	for _, c := range pod.Spec.Containers {
		var options sidecar.Options
		if json.Unmarshal([]byte(environment(c.Env)[sidecar.JSONConfigEnvVar]), &options) != nil {
			continue
		}
		for _, e := range options.Entries {
			if folder, ok := folderOf(pod, c, filepath.Dir(e.MarkerFile)); ok {
				markers = append(markers, marker{e.ContainerName, filepath.Join(folder, filepath.Base(e.MarkerFile))})
			}
		}
		return c.Name, markers
	}
	return "", nil
}

// folderOf is the folder of this machine that a container has at a path.
func folderOf(pod *corev1.Pod, c corev1.Container, path string) (string, bool) {
	m := slices.IndexFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == path })
	if m < 0 {
		return "", false
	}
	v := slices.IndexFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == c.VolumeMounts[m].Name })
	if v < 0 || pod.Spec.Volumes[v].HostPath == nil {
		return "", false
	}
	return pod.Spec.Volumes[v].HostPath.Path, true
}

// tellSidecar sees to it that sidecar ends when all other containers have: an
// entrypoint that was killed, or whose disk was full, could not tell it.
func (r *podmanRun) tellSidecar(running []podman.Container) error {
	if len(running) != 1 || running[0].Name != r.name(r.waiter) {
		return nil
	}
	for _, m := range r.markers {
		if info, err := os.Stat(m.path); err == nil && info.Mode().IsRegular() {
			continue
		}
		if err := m.write(entrypoint.InternalErrorCode); err != nil {
			return &MarkerError{m.container, err}
		}
		r.logs.Say("container %s has ended without telling sidecar, which is told now", m.container)
	}
	return nil
}

// write makes the file whole at once, as entrypoint does, since sidecar looks for it.
func (m marker) write(code int) error {
	temporary := m.path + ".slipway"
	err := os.WriteFile(temporary, []byte(strconv.Itoa(code)), 0o644)
	if err == nil {
		err = os.Rename(temporary, m.path)
	}
	return err // what is left of it goes with the pod's volumes
}
