package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/progress"
)

const (
	blobsAtOnce = 4
	tellEvery   = 15 * time.Second
)

// Copy copies a manifest with all that belongs to it: the images of an index, the
// blobs of an image, and the referrers of each, with theirs. What is there already is
// not sent again; what is complete comes before what refers to it. It writes no tag,
// except for the list of referrers of a registry that keeps none itself.
func (c *Client) Copy(ctx context.Context, from, to, digest string) error {
	if from == to {
		return nil
	}
	doing := "copy " + digest + " from " + from + " to " + to
	if err := checkDigest(digest); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	defer progress.Watch(tellEvery, doing, c.config.Progress)()
	copying := &copying{client: c, from: from, to: to, begun: map[string]bool{}}
	if err := copying.manifest(ctx, digest); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// copying is one copy under way.
type copying struct {
	client   *Client
	from, to string
	begun    map[string]bool // manifests, by digest
}

func (c *copying) manifest(ctx context.Context, digest string) error {
	if c.begun[digest] {
		return nil
	}
	m, err := c.client.Manifest(ctx, c.from, digest)
	if err != nil {
		return err
	}
	return c.copy(ctx, m)
}

// copy copies what a manifest is made of, then it, then what refers to it.
func (c *copying) copy(ctx context.Context, m Manifest) error {
	if c.begun[m.Digest] {
		return nil
	}
	c.begun[m.Digest] = true
	there, err := c.isThere(ctx, m.Digest)
	if err != nil {
		return err
	}
	if err := c.parts(ctx, m, there); err != nil {
		return err
	}
	if !there {
		if err := c.client.writeManifest(ctx, c.to, m); err != nil {
			return err
		}
	}
	return c.referrers(ctx, m.Digest)
}

func (c *copying) isThere(ctx context.Context, digest string) (there bool, err error) {
	doing := "look for " + c.to + "@" + digest
	err = c.client.call(ctx, doing, toPush(c.to), func(ctx context.Context, s *session) error {
		there, err = s.has(ctx, digest)
		return err
	})
	return there, err
}

// has says whether the repository has a manifest.
func (s *session) has(ctx context.Context, digest string) (bool, error) {
	_, err := s.head(ctx, digest)
	if errors.Is(err, ErrAbsent) {
		return false, nil
	}
	return err == nil, err
}

// writeManifest writes a manifest under its digest.
func (c *Client) writeManifest(ctx context.Context, repository string, m Manifest) error {
	doing := "write manifest " + repository + "@" + m.Digest
	return c.call(ctx, doing, toPush(repository), func(ctx context.Context, s *session) error {
		return s.put(ctx, m.Digest, m)
	})
}

// parts are an index's or image's own.
type parts struct {
	Manifests []v1.Descriptor `json:"manifests"`
	Config    *v1.Descriptor  `json:"config"`
	Layers    []v1.Descriptor `json:"layers"`
}

// parts copies what a manifest is made of. The blobs of a manifest that is there are
// there too: no registry takes one without them. The images of an index are looked at
// all the same, for their referrers.
func (c *copying) parts(ctx context.Context, m Manifest, there bool) error {
	var of parts
	if err := json.Unmarshal(m.Raw, &of); err != nil {
		return fmt.Errorf("read manifest %s: %w", m.Digest, err)
	}
	blobs := of.Layers
	if of.Config != nil {
		blobs = append(blobs, *of.Config)
	}
	for _, child := range of.Manifests {
		if !child.MediaType.IsImage() && !child.MediaType.IsIndex() {
			blobs = append(blobs, child)
			continue
		}
		if err := c.manifest(ctx, child.Digest.String()); err != nil {
			return err
		}
	}
	if there {
		return nil
	}
	return c.blobs(ctx, blobs)
}

// blobs copies blobs, each once, a few at a time.
func (c *copying) blobs(ctx context.Context, blobs []v1.Descriptor) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(blobsAtOnce)
	begun := map[v1.Hash]bool{}
	for _, blob := range blobs {
		foreign := !blob.MediaType.IsDistributable() && len(blob.URLs) > 0
		if begun[blob.Digest] || foreign {
			continue
		}
		begun[blob.Digest] = true
		group.Go(func() error {
			return c.client.writeBlob(ctx, c.to, c.mounts(), blob, c.client.readBlob(c.from, blob))
		})
	}
	return group.Wait()
}

// mounts is the source if its blobs can be mounted.
func (c *copying) mounts() string {
	if hostOf(c.from) == hostOf(c.to) {
		return c.from
	}
	return ""
}

// referrers copies what refers to a manifest. A list that is a mere tag may name what
// was deleted since, or what refers to something else: that is passed over.
func (c *copying) referrers(ctx context.Context, subject string) error {
	found, err := c.client.referrers(ctx, c.from, subject)
	if err != nil {
		return err
	}
	var entries []v1.Descriptor
	for _, referrer := range found.list {
		entry, err := c.referrer(ctx, subject, referrer.Digest.String())
		if errors.Is(err, errStray) && !found.api {
			c.client.config.Progress(err.Error() + "; it is not copied")
			continue
		}
		if err != nil {
			return err
		}
		entries = append(entries, entry)
	}
	if len(entries) == 0 {
		return nil
	}
	return c.client.addReferrers(ctx, c.to, subject, entries)
}

var errStray = errors.New("it was deleted or refers to something else")

// referrer copies what refers to subject, and gives its entry of the list.
func (c *copying) referrer(ctx context.Context, subject, digest string) (entry v1.Descriptor, err error) {
	m, err := c.client.Manifest(ctx, c.from, digest)
	if err == nil {
		entry, err = describe(m, subject)
	}
	if errors.Is(err, ErrAbsent) || errors.Is(err, errStray) {
		return entry, fmt.Errorf("%s lists %s as a referrer of %s: %w", c.from, digest, subject, errStray)
	}
	if err != nil {
		return entry, err
	}
	return entry, c.copy(ctx, m)
}
