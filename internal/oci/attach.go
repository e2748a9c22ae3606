package oci

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// emptyConfig is the configuration of an artifact that has none.
var emptyConfig = []byte("{}")

const emptyType types.MediaType = "application/vnd.oci.empty.v1+json"

// Attachment is an artifact that refers to a manifest.
type Attachment struct {
	Type        string // of the artifact
	Annotations map[string]string
	LayerType   string
	Layer       []byte
}

// Attach writes an artifact that refers to a manifest, the subject, which must be
// there: ErrAbsent if it is not. Equal attachments are one: attached again, nothing is
// written.
func (c *Client) Attach(ctx context.Context, repository, subject string, a Attachment) (digest string, err error) {
	doing := "attach " + a.Type + " to " + repository + "@" + subject
	if err := checkDigest(subject); err != nil {
		return "", fmt.Errorf("%s: %w", doing, err)
	}
	var m Manifest
	there := false
	err = c.call(ctx, doing, toPush(repository), func(ctx context.Context, s *session) error {
		to, err := s.head(ctx, subject)
		if err != nil {
			return err
		}
		if m, err = a.manifest(subject, to); err != nil {
			return err
		}
		there, err = s.has(ctx, m.Digest)
		return err
	})
	if err != nil {
		return "", err
	}
	if !there {
		if err := c.writeArtifact(ctx, repository, m, a.Layer); err != nil {
			return "", fmt.Errorf("%s: %w", doing, err)
		}
	}
	entry, err := describe(m, subject)
	if err != nil {
		return "", fmt.Errorf("%s: %w", doing, err)
	}
	return m.Digest, c.addReferrers(ctx, repository, subject, []v1.Descriptor{entry})
}

// manifest is the attachment's, which depends on nothing but it and its subject.
func (a Attachment) manifest(subject string, to described) (m Manifest, err error) {
	digest, err := v1.NewHash(subject)
	if err != nil {
		return m, err
	}
	body := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  a.Type,
		Config:        descriptor(emptyType, emptyConfig),
		Layers:        []v1.Descriptor{descriptor(types.MediaType(a.LayerType), a.Layer)},
		Annotations:   a.Annotations,
		Subject:       &v1.Descriptor{MediaType: types.MediaType(to.MediaType), Digest: digest, Size: to.Size},
	}
	raw, err := json.Marshal(body)
	return Manifest{Digest: sum(raw), MediaType: string(types.OCIManifestSchema1), Raw: raw}, err
}

func (c *Client) writeArtifact(ctx context.Context, repository string, m Manifest, layer []byte) error {
	for _, blob := range [][]byte{emptyConfig, layer} {
		open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(blob)), nil }
		if err := c.writeBlob(ctx, repository, "", descriptor("", blob), open); err != nil {
			return err
		}
	}
	return c.writeManifest(ctx, repository, m)
}

func descriptor(mediaType types.MediaType, raw []byte) v1.Descriptor {
	digest, _ := v1.NewHash(sum(raw)) // which is one
	return v1.Descriptor{MediaType: mediaType, Digest: digest, Size: int64(len(raw))}
}
