package oci

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Manifest is an image's manifest or index, as its registry has it.
type Manifest struct {
	Digest    string
	MediaType string
	Raw       []byte
}

// Resolve says which digest a tag names; ErrAbsent if there is no such tag. It is one
// HEAD, unless the registry leaves the digest out of its answer.
func (c *Client) Resolve(ctx context.Context, repository, tag string) (digest string, err error) {
	doing := "resolve " + repository + ":" + tag
	if _, err := name.NewTag(repository+":"+tag, name.StrictValidation); err != nil {
		return "", fmt.Errorf("%s: %w", doing, err)
	}
	err = c.call(ctx, doing, toPull(repository), func(ctx context.Context, s *session) error {
		digest, err = s.resolve(ctx, tag)
		return err
	})
	return digest, err
}

// Manifest reads a manifest, whose bytes are verified; ErrAbsent if it is not there, a
// *MediaTypeError if it is no image or index. It is one GET.
func (c *Client) Manifest(ctx context.Context, repository, digest string) (m Manifest, err error) {
	doing := "get manifest " + repository + "@" + digest
	if err := checkDigest(digest); err != nil {
		return m, fmt.Errorf("%s: %w", doing, err)
	}
	err = c.call(ctx, doing, toPull(repository), func(ctx context.Context, s *session) error {
		m, err = s.get(ctx, digest)
		return err
	})
	return m, err
}

// Tag lets a tag name a manifest whose blobs and children are there. It is one PUT of
// the manifest's very bytes.
func (c *Client) Tag(ctx context.Context, repository, tag string, m Manifest) error {
	doing := "tag " + repository + ":" + tag + " as " + m.Digest
	if _, err := name.NewTag(repository+":"+tag, name.StrictValidation); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return c.call(ctx, doing, toPush(repository), func(ctx context.Context, s *session) error {
		return s.put(ctx, tag, m)
	})
}

// Delete deletes a manifest; ErrAbsent if it is not there. Tags that name it go with
// it on most registries.
func (c *Client) Delete(ctx context.Context, repository, digest string) error {
	doing := "delete " + repository + "@" + digest
	if err := checkDigest(digest); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return c.call(ctx, doing, access{repository: repository, rights: transport.DeleteScope}, func(ctx context.Context, s *session) error {
		response, err := s.send(ctx, request{method: http.MethodDelete, path: "manifests/" + digest}, http.StatusAccepted, http.StatusOK)
		if err != nil {
			return orAbsent(err)
		}
		discard(response)
		return nil
	})
}

// Children are the digests of an index's manifests; an image has none.
func (m Manifest) Children() ([]string, error) {
	if !types.MediaType(m.MediaType).IsIndex() {
		return nil, nil
	}
	var body struct {
		Manifests []struct {
			Digest string `json:"digest"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal(m.Raw, &body); err != nil {
		return nil, fmt.Errorf("read index %s: %w", m.Digest, err)
	}
	var children []string
	for _, child := range body.Manifests {
		children = append(children, child.Digest)
	}
	return children, nil
}
