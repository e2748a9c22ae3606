package retention

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// habit is what a registry does when a manifest with tags is to be deleted.
type habit string

const (
	takesTags   habit = "takes the tags with it" // distribution
	leavesTags  habit = "leaves the tags"        // go-containerregistry's
	refusesTags habit = "refuses while tagged"   // Google's
)

// fake is a registry of one repository in memory: quick enough for twenty thousand
// tags, and stricter than real ones, for it deletes no child before its index. Real
// registries are asked in registry_test.go.
type fake struct {
	habit habit
	api   bool                                  // it has the referrers API
	hook  func(request, reference string) error // before each request

	mu        sync.Mutex
	manifests map[string][]byte
	tags      map[string]string
	requests  map[string]int

	tagsOf    map[string]map[string]bool // by digest; a manifest that is gone may still have some
	referrers map[string]map[string]bool // by subject
	parents   map[string]map[string]bool // indexes, by child
}

func newFake() *fake {
	return &fake{
		habit: takesTags, api: true, manifests: map[string][]byte{}, tags: map[string]string{}, requests: map[string]int{},
		tagsOf: map[string]map[string]bool{}, referrers: map[string]map[string]bool{}, parents: map[string]map[string]bool{},
	}
}

// manifest is what the tests' manifests hold.
type manifest struct {
	MediaType string       `json:"mediaType"`
	Manifests []descriptor `json:"manifests,omitempty"`
	Layers    []descriptor `json:"layers,omitempty"`
	Subject   *descriptor  `json:"subject,omitempty"`
	Note      string       `json:"note,omitempty"` // tells equal ones apart
}

type descriptor struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

const (
	indexType = "application/vnd.oci.image.index.v1+json"
	imageType = "application/vnd.oci.image.manifest.v1+json"
)

func digestOf(raw []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(raw)) }

func put(sets map[string]map[string]bool, key, member string) {
	if sets[key] == nil {
		sets[key] = map[string]bool{}
	}
	sets[key][member] = true
}

// push puts a manifest with tags, and returns its digest.
func (f *fake) push(m manifest, tags ...string) string {
	m.MediaType = imageType
	if m.Manifests != nil {
		m.MediaType = indexType
	}
	raw, _ := json.Marshal(m)
	digest := digestOf(raw)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.manifests[digest] = raw
	for _, child := range m.Manifests {
		put(f.parents, child.Digest, digest)
	}
	if m.Subject != nil {
		put(f.referrers, m.Subject.Digest, digest)
	}
	for _, tag := range tags {
		f.setTag(tag, digest)
	}
	return digest
}

func (f *fake) tag(tag, digest string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.setTag(tag, digest)
}

func (f *fake) setTag(tag, digest string) {
	delete(f.tagsOf[f.tags[tag]], tag)
	f.tags[tag] = digest
	put(f.tagsOf, digest, tag)
}

func (f *fake) image(note string, tags ...string) string {
	return f.push(manifest{Note: note}, tags...)
}

func (f *fake) index(note string, children []string, tags ...string) string {
	m := manifest{Manifests: []descriptor{}, Note: note}
	for _, child := range children {
		m.Manifests = append(m.Manifests, descriptor{Digest: child})
	}
	return f.push(m, tags...)
}

func (f *fake) referrer(note, subject string, tags ...string) string {
	return f.push(manifest{Subject: &descriptor{Digest: subject}, Note: note}, tags...)
}

// begin counts a request.
func (f *fake) begin(request, reference string) error {
	if f.hook != nil {
		if err := f.hook(request, reference); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests[request]++
	return nil
}

func (f *fake) Tags(context.Context, string) iter.Seq2[string, error] {
	err := f.begin("tags", "")
	f.mu.Lock()
	tags := slices.Sorted(maps.Keys(f.tags))
	f.mu.Unlock()
	return func(yield func(string, error) bool) {
		if err != nil {
			yield("", err)
			return
		}
		for _, tag := range tags {
			if !yield(tag, nil) {
				return
			}
		}
	}
}

func (f *fake) Resolve(_ context.Context, _, tag string) (string, error) {
	if err := f.begin("resolve", tag); err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if digest, ok := f.tags[tag]; ok {
		return digest, nil
	}
	return "", fmt.Errorf("%s: %w", tag, ErrAbsent)
}

func (f *fake) Manifest(_ context.Context, _, digest string) (string, []byte, error) {
	if err := f.begin("manifest", digest); err != nil {
		return "", nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if raw, ok := f.manifests[digest]; ok {
		return imageType, raw, nil
	}
	return "", nil, fmt.Errorf("%s: %w", digest, ErrAbsent)
}

func (f *fake) Referrers(_ context.Context, _, digest string) (found []v1.Descriptor, err error) {
	if err := f.begin("referrers", digest); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for referrer := range f.referrers[digest] {
		hash, err := v1.NewHash(referrer)
		if err != nil {
			return nil, err
		}
		if f.api && f.manifests[referrer] != nil {
			found = append(found, v1.Descriptor{Digest: hash})
		}
	}
	return found, nil
}

func (f *fake) Delete(_ context.Context, _, reference string) error {
	if err := f.begin("delete", reference); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !strings.HasPrefix(reference, algorithm) {
		delete(f.tagsOf[f.tags[reference]], reference)
		delete(f.tags, reference)
		return nil
	}
	if f.manifests[reference] == nil {
		return fmt.Errorf("%s: %w", reference, ErrAbsent)
	}
	if f.habit == refusesTags && len(f.tagsOf[reference]) > 0 {
		return fmt.Errorf("GOOGLE_MANIFEST_DANGLING_TAG: %s has tags", reference)
	}
	for parent := range f.parents[reference] {
		if f.manifests[parent] != nil {
			return fmt.Errorf("index %s still names %s", parent, reference)
		}
	}
	delete(f.manifests, reference)
	if f.habit == takesTags {
		for tag := range f.tagsOf[reference] {
			delete(f.tags, tag)
		}
		delete(f.tagsOf, reference)
	}
	return nil
}

// digests are those of all manifests.
func (f *fake) digests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.manifests))
}
