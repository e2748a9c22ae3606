package filestore

import (
	"context"
	"fmt"
	"io"

	"slipway.dev/slipway/internal/store"
)

// Verify reads a blob to its end, and sees that its bytes are what its digest names.
func Verify(ctx context.Context, s store.Store, digest string) error {
	key, err := blobKey(digest)
	if err != nil {
		return fmt.Errorf("verify a blob: %w", err)
	}
	body, err := store.OpenBlob(ctx, s, hexOf(digest))
	if err != nil {
		return fmt.Errorf("verify %s: %w", s.URL(key), err)
	}
	defer func() { _ = body.Close() }()
	if _, err := io.Copy(io.Discard, body); err != nil {
		return fmt.Errorf("verify %s: %w", s.URL(key), err)
	}
	return nil
}

// VerifyRelease verifies a release's document and the blob of each of its artifacts.
func VerifyRelease(ctx context.Context, s store.Store, digest string) error {
	rel, err := readRelease(ctx, s, digest)
	if err != nil {
		return fmt.Errorf("verify release %s: %w", digest, err)
	}
	for _, a := range rel.Artifacts() {
		if err := Verify(ctx, s, a.Digest); err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
	}
	return nil
}
