package retention

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"slipway.dev/slipway/internal/oci"
)

// Client is a Registry and a Deleter of real registries.
type Client struct {
	inner    *oci.Client
	keychain authn.Keychain
}

// NewClient speaks to registries as the configuration says.
func NewClient(config oci.Config) *Client {
	if config.Keychain == nil {
		config.Keychain = authn.DefaultKeychain
	}
	return &Client{oci.New(config), config.Keychain}
}

// Tags lists a repository's tags.
func (c *Client) Tags(ctx context.Context, repository string) iter.Seq2[string, error] {
	return c.inner.Tags(ctx, repository)
}

// Resolve is the digest that a tag names.
func (c *Client) Resolve(ctx context.Context, repository, tag string) (string, error) {
	digest, err := c.inner.Resolve(ctx, repository, tag)
	return digest, absent(err)
}

// Manifest reads a manifest.
func (c *Client) Manifest(ctx context.Context, repository, digest string) (mediaType string, raw []byte, err error) {
	m, err := c.inner.Manifest(ctx, repository, digest)
	return m.MediaType, m.Raw, absent(err)
}

// Referrers are the manifests whose subject is digest.
func (c *Client) Referrers(ctx context.Context, repository, digest string) ([]v1.Descriptor, error) {
	found, err := c.inner.Referrers(ctx, repository, digest)
	return found, absent(err)
}

// Delete deletes a manifest, named by its digest, or a tag.
func (c *Client) Delete(ctx context.Context, repository, reference string) error {
	if strings.HasPrefix(reference, algorithm) {
		return absent(c.inner.Delete(ctx, repository, reference))
	}
	tag, err := name.NewTag(repository+":"+reference, name.StrictValidation)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, oci.DefaultDeadline)
	defer cancel()
	err = remote.Delete(tag, remote.WithContext(ctx), remote.WithAuthFromKeychain(c.keychain))
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	return err
}

// absent gives what is absent this package's name.
func absent(err error) error {
	if errors.Is(err, oci.ErrAbsent) {
		return fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	return err
}
