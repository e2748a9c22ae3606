package retention

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
)

// facts are what never changes of a manifest.
type facts struct {
	Size     int64 `json:"size"`
	Children []sum `json:"children,omitempty"`
	Subject  *sum  `json:"subject,omitempty"`
}

// readManifest reads a manifest whose bytes are those that its digest names.
func readManifest(ctx context.Context, r Registry, repository string, digest sum) (mediaType string, raw []byte, err error) {
	mediaType, raw, err = r.Manifest(ctx, repository, digest.String())
	if err != nil {
		return "", nil, fmt.Errorf("read %s@%s: %w", repository, digest, err)
	}
	if got := sum(sha256.Sum256(raw)); got != digest {
		return "", nil, fmt.Errorf("read %s@%s: the registry sent bytes of %s; nothing is planned on them", repository, digest, got)
	}
	return mediaType, raw, nil
}

func readFacts(ctx context.Context, r Registry, repository string, digest sum) (facts, error) {
	_, raw, err := readManifest(ctx, r, repository, digest)
	if err != nil {
		return facts{}, err
	}
	f, err := parseFacts(raw)
	if err != nil {
		return facts{}, fmt.Errorf("read %s@%s: %w; what it leads to is not known, so nothing of the repository can go", repository, digest, err)
	}
	return f, nil
}

// parseFacts reads images, indexes and artifacts of any kind: what they have in common.
func parseFacts(raw []byte) (facts, error) {
	type descriptor struct {
		Digest string
		Size   int64
	}
	var manifest struct {
		Manifests, Layers, Blobs []descriptor
		Config                   descriptor
		Subject                  *descriptor
	}
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return facts{}, err
	}
	f := facts{Size: int64(len(raw)) + manifest.Config.Size}
	for _, blob := range slices.Concat(manifest.Layers, manifest.Blobs) {
		f.Size += blob.Size
	}
	for _, child := range manifest.Manifests {
		s, err := parseSum(child.Digest)
		if err != nil {
			return facts{}, err
		}
		f.Children = append(f.Children, s)
	}
	if manifest.Subject == nil {
		return f, nil
	}
	subject, err := parseSum(manifest.Subject.Digest)
	f.Subject = &subject
	return f, err
}

func referrersOf(ctx context.Context, r Registry, repository string, digest sum) ([]sum, error) {
	found, err := r.Referrers(ctx, repository, digest.String())
	if err != nil {
		return nil, ignoreAbsent(fmt.Errorf("list the referrers of %s@%s: %w", repository, digest, err))
	}
	referrers := make([]sum, 0, len(found))
	for _, descriptor := range found {
		s, err := parseSum(descriptor.Digest.String())
		if err != nil {
			return nil, fmt.Errorf("list the referrers of %s@%s: %w", repository, digest, err)
		}
		referrers = append(referrers, s)
	}
	return referrers, nil
}
