package local

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/podman"
)

// checkImages refuses a pod with an image that is not here and that podman must not
// pull, before anything is started.
func (e *Podman) checkImages(ctx context.Context, pod *corev1.Pod) error {
	stored, err := e.podman.Images(ctx)
	if err != nil {
		return err
	}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if c.ImagePullPolicy != corev1.PullNever || isStored(stored, c.Image) {
			continue
		}
		_, err := e.podman.Output(ctx, "image", "exists", c.Image) // podman knows more spellings
		if exec.ExitCode(err) == 1 {
			return fmt.Errorf("container %s: image %s is not on this machine; run `slipway image load` or `podman pull %s`", c.Name, c.Image, c.Image)
		}
		if err != nil {
			return fmt.Errorf("look for image %s: %w", c.Image, err)
		}
	}
	return nil
}

// isStored knows images by their whole names.
func isStored(stored podman.Storage, image string) bool {
	if !strings.Contains(image[strings.LastIndex(image, "/")+1:], ":") {
		image += ":latest"
	}
	return stored.ID(image) != ""
}
