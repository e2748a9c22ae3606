package oci

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Put writes a manifest under its digest, and no tag. Its blobs and children must be
// there; a *MediaTypeError if it is no image or index, or says that it is another kind.
func (c *Client) Put(ctx context.Context, repository string, m Manifest) error {
	doing := "put manifest " + repository + "@" + m.Digest
	if err := checkDigest(m.Digest); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	title := repository + "@" + m.Digest
	if !isKnown(m.MediaType) {
		return fmt.Errorf("%s: %w", doing, &MediaTypeError{Name: title, Header: m.MediaType})
	}
	if err := checkBody(title, m); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return c.writeManifest(ctx, repository, m)
}

// Refer sees that a manifest that was put is among its subject's referrers, where the
// registry does not keep that list itself. It writes nothing if it is, or if there is
// no subject.
func (c *Client) Refer(ctx context.Context, repository string, m Manifest) error {
	doing := "list " + repository + "@" + m.Digest + " as a referrer"
	var body companion
	if err := json.Unmarshal(m.Raw, &body); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if body.Subject == nil {
		return nil
	}
	subject := body.Subject.Digest.String()
	entry, err := describe(m, subject)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return c.addReferrers(ctx, repository, subject, []v1.Descriptor{entry})
}
