package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"slipway.dev/slipway/internal/oci"
)

// registry is an image's repository.
type registry struct {
	client     *oci.Client
	repository string
}

func openRegistry(ctx context.Context, reference string, say func(string)) (*Image, error) {
	from := registry{client: oci.New(oci.Config{Progress: say})}
	if m := pinned.FindStringSubmatch(reference); m != nil {
		from.repository = m[1]
		if _, err := name.NewRepository(m[1], name.StrictValidation); err != nil {
			return nil, fmt.Errorf("%w; an image is named %s", err, Forms)
		}
		return &Image{Digest: m[2], origin: from}, nil
	}
	tag, err := name.NewTag(reference, name.StrictValidation)
	if err != nil {
		return nil, fmt.Errorf("%w; an image is named %s", err, Forms)
	}
	from.repository = tag.Context().Name()
	digest, err := from.client.Resolve(ctx, from.repository, tag.TagStr())
	return &Image{Digest: digest, origin: from}, err
}

func (r registry) manifest(ctx context.Context, digest string) ([]byte, types.MediaType, error) {
	m, err := r.client.Manifest(ctx, r.repository, digest)
	return m.Raw, types.MediaType(m.MediaType), err
}

func (r registry) blob(ctx context.Context, blob v1.Descriptor, read func(io.Reader) error) error {
	return r.client.ReadBlob(ctx, r.repository, blob.Digest.String(), blob.Size, read)
}

// layout is an OCI layout in a folder.
type layout struct{ folder string }

func openFolder(folder string) (*Image, error) {
	if m := pinned.FindStringSubmatch(folder); m != nil {
		return &Image{Digest: m[2], origin: layout{m[1]}}, nil
	}
	raw, err := os.ReadFile(filepath.Join(folder, "index.json"))
	if err != nil {
		return nil, fmt.Errorf("%w; an OCI layout is a folder with index.json in it", err)
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, fmt.Errorf("parse index.json: %w", err)
	}
	image := &Image{origin: layout{folder}}
	if len(index.Manifests) == 1 {
		image.Digest = index.Manifests[0].Digest.String()
		return image, nil
	}
	image.Digest, err = choose(raw)
	if err != nil {
		return nil, fmt.Errorf("%w; name one as oci:FOLDER@sha256:HEX", err)
	}
	return image, nil
}

func (l layout) manifest(_ context.Context, digest string) ([]byte, types.MediaType, error) {
	hash, err := v1.NewHash(digest)
	if err != nil {
		return nil, "", err
	}
	info, err := os.Stat(l.path(hash))
	if err != nil {
		return nil, "", err
	}
	if info.Size() > maxConfig {
		return nil, "", fmt.Errorf("manifest %s has %d bytes, more than %d", digest, info.Size(), maxConfig)
	}
	raw, err := os.ReadFile(l.path(hash))
	if err != nil {
		return nil, "", err
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != hash.Hex {
		return nil, "", &oci.DigestError{Want: digest, Got: "sha256:" + hex.EncodeToString(sum[:])}
	}
	var says struct {
		MediaType types.MediaType `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &says); err != nil {
		return nil, "", fmt.Errorf("parse manifest %s: %w", digest, err)
	}
	if says.MediaType == "" { // which the OCI formats allow
		says.MediaType = types.OCIManifestSchema1
		if says.Manifests != nil {
			says.MediaType = types.OCIImageIndex
		}
	}
	return raw, says.MediaType, nil
}

func (l layout) path(h v1.Hash) string {
	return filepath.Join(l.folder, "blobs", "sha256", filepath.Base(h.Hex))
}

// blob verifies as the registry's client does.
func (l layout) blob(_ context.Context, blob v1.Descriptor, read func(io.Reader) error) error {
	f, err := os.Open(l.path(blob.Digest))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	content := io.TeeReader(f, sum)
	err = read(content)
	if _, rest := io.Copy(io.Discard, content); rest != nil {
		return errors.Join(err, rest)
	}
	if got := "sha256:" + hex.EncodeToString(sum.Sum(nil)); got != blob.Digest.String() {
		return &oci.DigestError{Want: blob.Digest.String(), Got: got}
	}
	return err
}
