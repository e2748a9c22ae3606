package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/progress"
)

const defaultEvery = 5 * time.Second

// Resolve finds an image in its registry, and says which digest its tag names. That is
// asked once: what is done with the image is done with that digest.
func (p Puller) Resolve(ctx context.Context, image Reference) (Reference, error) {
	waiting, cancel := p.patience(ctx)
	defer cancel()
	return p.resolve(waiting, oci.New(oci.Config{Progress: p.Say}), image)
}

// patience ends when there is no more waiting for what is not there.
func (p Puller) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	if p.Wait <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, p.Wait, fmt.Errorf("it was not there within --wait %s", p.Wait))
}

func (p Puller) resolve(waiting context.Context, client *oci.Client, image Reference) (Reference, error) {
	err := p.await(waiting, "image "+image.String(), func() (err error) {
		if image.Tag == "" {
			_, err = client.Manifest(waiting, image.Repository, image.Digest)
			return err
		}
		image.Digest, err = client.Resolve(waiting, image.Repository, image.Tag)
		return err
	})
	if err == nil && image.Tag != "" {
		p.Say(fmt.Sprintf("image %s is %s", image, image.Digest))
	}
	return image, err
}

// await looks for something until it is there. A registry tells nobody when something
// comes, so it is asked again and again.
func (p Puller) await(waiting context.Context, what string, look func() error) error {
	err := look()
	if p.Wait <= 0 || !errors.Is(err, oci.ErrAbsent) {
		return err
	}
	p.Say(fmt.Sprintf("wait for %s, at most %s", what, p.Wait))
	defer progress.Watch(30*time.Second, "wait for "+what, p.Say)()
	every := p.Every
	if every <= 0 {
		every = defaultEvery
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for errors.Is(err, oci.ErrAbsent) {
		select {
		case <-ticker.C:
			err = look()
		case <-waiting.Done():
		}
		if waiting.Err() != nil {
			return fmt.Errorf("wait for %s: %w", what, context.Cause(waiting))
		}
	}
	return err
}
