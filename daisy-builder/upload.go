package daisybuilder

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/internal/store"
)

// upload puts the files into the store under their digests, before anything
// names them.
func (c Config) upload(ctx context.Context, files []File) ([]release.Artifact, error) {
	artifacts := make([]release.Artifact, 0, len(files))
	seen := map[string]bool{}
	for _, f := range files {
		name := filepath.Base(f.Path)
		if seen[name] {
			return nil, fmt.Errorf("the build made %s twice", name)
		}
		seen[name] = true
		artifact, err := c.uploadFile(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("upload %s: %w", name, err)
		}
		artifacts = append(artifacts, artifact)
	}
	return artifacts, nil
}

func (c Config) uploadFile(ctx context.Context, f File) (release.Artifact, error) {
	body, err := os.Open(f.Path)
	if err != nil {
		return release.Artifact{}, err
	}
	defer func() { _ = body.Close() }()
	digest, size, err := store.PutBlob(ctx, c.Records.Store, body)
	if err != nil {
		return release.Artifact{}, err
	}
	return release.Artifact{
		Name: filepath.Base(f.Path), Kind: f.Kind, Digest: "sha256:" + digest, Size: size, Package: f.Package,
	}, nil
}
