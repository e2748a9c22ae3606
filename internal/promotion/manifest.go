package promotion

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/store"
)

// manifest gives an image's manifest: from the store, which keeps the bytes of each
// that was promoted once, or from the registry, and then the store keeps them.
func (p *Promoter) manifest(ctx context.Context, repository, digest string) (oci.Manifest, error) {
	hex := strings.TrimPrefix(digest, "sha256:")
	raw, err := p.keptManifest(ctx, hex)
	if err == nil {
		return parseManifest(digest, raw)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return oci.Manifest{}, err
	}
	m, err := p.Registry.Manifest(ctx, repository, digest)
	if err != nil {
		return oci.Manifest{}, err
	}
	return m, p.Store.Create(ctx, store.BlobKey(hex), bytes.NewReader(m.Raw))
}

// parseManifest reads the media type out of a manifest. OCI's own may leave it out.
func parseManifest(digest string, raw []byte) (oci.Manifest, error) {
	var body struct {
		MediaType types.MediaType `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return oci.Manifest{}, fmt.Errorf("read the kept manifest %s: %w", digest, err)
	}
	switch {
	case body.MediaType != "":
	case body.Manifests != nil:
		body.MediaType = types.OCIImageIndex
	default:
		body.MediaType = types.OCIManifestSchema1
	}
	return oci.Manifest{Digest: digest, MediaType: string(body.MediaType), Raw: raw}, nil
}

func (p *Promoter) keptManifest(ctx context.Context, hex string) ([]byte, error) {
	body, err := store.OpenBlob(ctx, p.Store, hex)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	return io.ReadAll(body)
}
