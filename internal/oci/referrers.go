package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Referrers are what refers to a manifest: signatures, SBOMs, attestations. The
// manifest itself need not be there.
func (c *Client) Referrers(ctx context.Context, repository, digest string) ([]v1.Descriptor, error) {
	found, err := c.referrers(ctx, repository, digest)
	return found.list, err
}

// referrers are what a registry lists as such.
type referrers struct {
	list []v1.Descriptor
	api  bool // the registry keeps the list itself
}

func (r referrers) has(digest string) bool {
	return slices.ContainsFunc(r.list, func(d v1.Descriptor) bool { return d.Digest.String() == digest })
}

func (c *Client) referrers(ctx context.Context, repository, digest string) (found referrers, err error) {
	doing := "list referrers of " + repository + "@" + digest
	if err := checkDigest(digest); err != nil {
		return found, fmt.Errorf("%s: %w", doing, err)
	}
	err = c.call(ctx, doing, toPull(repository), func(ctx context.Context, s *session) error {
		found, err = s.referrers(ctx, digest)
		return err
	})
	return found, err
}

// referrers asks the registry's API and, if it has none, the fallback tag.
func (s *session) referrers(ctx context.Context, digest string) (found referrers, err error) {
	if s.lacksReferrers.Load() {
		return s.listed(ctx, digest)
	}
	found.api = true
	for next := "referrers/" + digest; next != ""; {
		response, err := s.send(ctx, request{
			method: http.MethodGet, path: next, header: http.Header{"Accept": {string(types.OCIImageIndex)}},
		}, http.StatusOK, http.StatusNotFound, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable)
		if err != nil {
			return referrers{}, err
		}
		if response.StatusCode != http.StatusOK || mediaType(response.Header) != string(types.OCIImageIndex) {
			discard(response)
			if isUnknownPage(response) {
				s.lacksReferrers.Store(true)
			}
			return s.listed(ctx, digest)
		}
		raw, err := read(response)
		if err != nil {
			return referrers{}, err
		}
		index, err := parseIndex(raw)
		if err != nil {
			return referrers{}, passing{err: err}
		}
		found.list = append(found.list, index.Manifests...)
		if next, err = linked(response.Header); err != nil {
			return referrers{}, err
		}
	}
	return found, nil
}

// isUnknownPage says whether the registry itself, and nothing that stands before it,
// knows no such page, whatever the repository. One that has the API may answer 404 as
// well, in JSON, of a repository that is not there yet.
func isUnknownPage(response *http.Response) bool {
	return response.StatusCode == http.StatusNotFound && mediaType(response.Header) == "text/plain" &&
		response.Header.Get("Docker-Distribution-Api-Version") != ""
}

// listed are the referrers that the fallback tag lists.
func (s *session) listed(ctx context.Context, digest string) (referrers, error) {
	index, err := s.fallback(ctx, digest)
	return referrers{list: index.Manifests}, err
}

// fallbackTag names the index of a manifest's referrers in registries without the
// referrers API.
func fallbackTag(digest string) string { return strings.Replace(digest, ":", "-", 1) }

// fallback reads that index, which is empty if it is not there.
func (s *session) fallback(ctx context.Context, digest string) (v1.IndexManifest, error) {
	m, err := s.get(ctx, fallbackTag(digest))
	if errors.Is(err, ErrAbsent) {
		return v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}, nil
	}
	if err != nil {
		return v1.IndexManifest{}, err
	}
	if m.MediaType != string(types.OCIImageIndex) {
		return v1.IndexManifest{}, fmt.Errorf("tag %s is a %s instead of an index of referrers; delete it", fallbackTag(digest), m.MediaType)
	}
	return parseIndex(m.Raw)
}

func parseIndex(raw []byte) (index v1.IndexManifest, err error) {
	err = json.Unmarshal(raw, &index)
	return index, err
}

// addReferrers adds to the list that a registry without the API does not keep itself.
// Two programs at once may lose each other's entries there, as the standard admits; two
// goroutines may not.
func (c *Client) addReferrers(ctx context.Context, repository, subject string, add []v1.Descriptor) error {
	mutex := c.fallbackLock(repository + "@" + subject)
	mutex.Lock()
	defer mutex.Unlock()
	doing := "list referrers under " + repository + ":" + fallbackTag(subject)
	return c.call(ctx, doing, toPush(repository), func(ctx context.Context, s *session) error {
		found, err := s.referrers(ctx, subject)
		if err != nil || found.api {
			return err
		}
		missing := slices.DeleteFunc(slices.Clone(add), func(d v1.Descriptor) bool { return found.has(d.Digest.String()) })
		if len(missing) == 0 {
			return nil
		}
		return s.addToFallback(ctx, subject, found.list, missing)
	})
}

// fallbackLock is taken to change a fallback tag.
func (c *Client) fallbackLock(name string) *sync.Mutex {
	hash := fnv.New32()
	_, _ = hash.Write([]byte(name))
	return &c.fallbacks[hash.Sum32()%uint32(len(c.fallbacks))]
}

// addToFallback writes the list with more entries. If the registry does not take it,
// since some of its entries were deleted, they leave the list.
func (s *session) addToFallback(ctx context.Context, subject string, old, more []v1.Descriptor) error {
	err := s.writeFallback(ctx, subject, append(slices.Clone(old), more...))
	if code := status(err); code != http.StatusBadRequest && code != http.StatusNotFound {
		return err
	}
	var kept []v1.Descriptor
	for _, entry := range old {
		there, err := s.has(ctx, entry.Digest.String())
		if err != nil {
			return err
		}
		if there {
			kept = append(kept, entry)
		}
	}
	if len(kept) == len(old) {
		return err
	}
	return s.writeFallback(ctx, subject, append(kept, more...))
}

func (s *session) writeFallback(ctx context.Context, subject string, list []v1.Descriptor) error {
	raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: list})
	if err != nil {
		return err
	}
	return s.put(ctx, fallbackTag(subject), Manifest{Digest: sum(raw), MediaType: string(types.OCIImageIndex), Raw: raw})
}

// companion is what the list of referrers says of a manifest.
type companion struct {
	Subject      *v1.Descriptor    `json:"subject"`
	ArtifactType string            `json:"artifactType"`
	Annotations  map[string]string `json:"annotations"`
	Config       struct {
		MediaType string `json:"mediaType"`
	} `json:"config"`
}

// describe makes the list's entry of what refers to subject; errStray if it does not.
func describe(m Manifest, subject string) (entry v1.Descriptor, err error) {
	var body companion
	if err := json.Unmarshal(m.Raw, &body); err != nil {
		return entry, err
	}
	if body.Subject == nil || body.Subject.Digest.String() != subject {
		return entry, errStray
	}
	if body.ArtifactType == "" {
		body.ArtifactType = body.Config.MediaType
	}
	digest, err := v1.NewHash(m.Digest)
	return v1.Descriptor{
		MediaType: types.MediaType(m.MediaType), Digest: digest, Size: int64(len(m.Raw)),
		ArtifactType: body.ArtifactType, Annotations: body.Annotations,
	}, err
}
