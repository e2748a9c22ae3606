package filestore

import (
	"context"
	"fmt"

	"slipway.dev/slipway/internal/each"
	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/internal/store"
)

// parallel is how many blobs of a release are under way at a time.
const parallel = 4

// BringRelease is Carrier.BringRelease by the zero Carrier.
func BringRelease(ctx context.Context, from, to store.Store, digest string) error {
	return Carrier{}.BringRelease(ctx, from, to, digest)
}

// BringRelease brings the release whose document has a digest: its artifacts' blobs, and
// after all of them the document. So whoever finds the document finds the release. A blob
// that cannot be brought does not keep the others from coming; the error names each.
func (c Carrier) BringRelease(ctx context.Context, from, to store.Store, digest string) error {
	rel, err := readRelease(ctx, from, digest)
	if err != nil {
		return fmt.Errorf("bring release %s: %w", digest, err)
	}
	artifacts := rel.Artifacts()
	names := make([]string, len(artifacts))
	for i, a := range artifacts {
		names[i] = a.Name
	}
	free := make(chan struct{}, parallel)
	err = each.Do(names, func(i int, _ string) error {
		free <- struct{}{}
		defer func() { <-free }()
		return c.bring(ctx, from, to, artifacts[i].Digest, artifacts[i].Size)
	})
	if err == nil {
		err = c.Bring(ctx, from, to, digest)
	}
	if err != nil {
		return fmt.Errorf("bring release %s of %s: %w", rel.Version, rel.Repository, err)
	}
	return nil
}

func readRelease(ctx context.Context, s store.Store, digest string) (release.Release, error) {
	key, err := blobKey(digest)
	if err != nil {
		return release.Release{}, err
	}
	body, err := store.OpenBlob(ctx, s, hexOf(digest))
	if err != nil {
		return release.Release{}, err
	}
	defer func() { _ = body.Close() }()
	_, rel, err := release.ReadDocument(body)
	if err != nil {
		return release.Release{}, fmt.Errorf("read %s: %w", s.URL(key), err)
	}
	return rel, nil
}
