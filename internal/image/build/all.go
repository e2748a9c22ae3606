package build

import (
	"context"
	"fmt"
	"slices"

	"slipway.dev/slipway/internal/each"
	"slipway.dev/slipway/internal/image"
)

// Each does one thing for several images, jobs at once, and for each after its
// parents among them. One that fails is set aside with the images that stand on it;
// the others go on. The error, if there is one, is an *each.Failures.
func Each(ctx context.Context, images []image.Image, jobs int, do func(ctx context.Context, img image.Image) error) error {
	free := make(chan struct{}, max(jobs, 1))
	done := map[string]chan struct{}{}
	names := make([]string, len(images))
	for i, img := range images {
		names[i] = img.Name
		done[img.Name] = make(chan struct{})
	}
	failed := make([]error, len(images))
	return each.Do(names, func(i int, name string) error {
		defer close(done[name])
		for _, parent := range images[i].Parents {
			at := slices.Index(names, parent)
			if at < 0 {
				continue
			}
			<-done[parent]
			if failed[at] != nil {
				failed[i] = fmt.Errorf("%s, which it stands on, failed", parent)
				return failed[i]
			}
		}
		free <- struct{}{}
		defer func() { <-free }()
		if failed[i] = context.Cause(ctx); failed[i] == nil {
			failed[i] = do(ctx, images[i])
		}
		return failed[i]
	})
}
