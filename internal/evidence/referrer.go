package evidence

import (
	"context"
	"fmt"
	"time"

	"slipway.dev/slipway/internal/evidence/filed"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store"
)

// How evidence hangs on an image in a registry: as a referrer of its own, of the type
// of a bundle, with the bundle as the only layer.
const (
	ArtifactType        = signing.MediaType
	AnnotationContent   = "dev.sigstore.bundle.content"
	AnnotationPredicate = "dev.sigstore.bundle.predicateType"
	AnnotationCreated   = "org.opencontainers.image.created" // when the test ended
)

// annotations are the same whenever a referrer is made, and so is its digest.
func (e Entry) annotations() map[string]string {
	return map[string]string{
		AnnotationContent:   "dsse-envelope",
		AnnotationPredicate: PredicateType,
		AnnotationCreated:   e.Finished.Format(time.RFC3339),
	}
}

// Attacher writes referrers. Attaching what is there already changes nothing.
type Attacher interface {
	Attach(ctx context.Context, repository, subject, artifactType string, annotations map[string]string,
		layerType string, layer []byte) (digest string, err error)
}

// Attached is evidence that other people's tools now find in a registry.
type Attached struct {
	Entry
	Referrer string `json:"referrer"` // digest of its manifest
}

// Sync attaches all evidence about a digest to the image of that digest in a
// repository (HOST/PATH). The referrers are a copy for other people's tools, which can
// be made again at any time; nothing of ours decides by them. Damaged evidence is not
// copied and is an error; what comes after it is still attached.
func Sync(ctx context.Context, s store.Store, registry Attacher, repository, digest string) (attached []Attached, err error) {
	entries, err := List(ctx, s, digest)
	if err != nil {
		return nil, err
	}
	var first error
	for _, entry := range entries {
		referrer, err := entry.Attach(ctx, s, registry, repository)
		if err == nil {
			attached = append(attached, Attached{entry, referrer})
			continue
		}
		if ctx.Err() != nil {
			return attached, err
		}
		if first == nil {
			first = err
		}
	}
	return attached, first
}

// Attach attaches the entry alone, and returns the digest of the referrer.
func (e Entry) Attach(ctx context.Context, s store.Store, registry Attacher, repository string) (string, error) {
	bundle, err := e.Bundle(ctx, s)
	if err != nil {
		return "", err
	}
	if err := e.peek(bundle); err != nil {
		return "", filed.Damaged(s, e.Key, err)
	}
	referrer, err := registry.Attach(ctx, repository, e.Digest, ArtifactType, e.annotations(), signing.MediaType, bundle)
	if err != nil {
		return "", fmt.Errorf("attach evidence of test %s to %s@%s: %w", e.Test, repository, e.Digest, err)
	}
	return referrer, nil
}

// peek says why a bundle is not what its name says, whoever signed it.
func (e Entry) peek(bundle []byte) error {
	statement, _, err := signing.Peek(bundle)
	if err != nil {
		return err
	}
	result, err := Parse(statement)
	if err != nil {
		return err
	}
	return e.fits(result)
}
