package oci

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"slipway.dev/slipway/internal/testkit/registry"
)

// each runs a test over all kinds of registries.
func each(t *testing.T, test func(t *testing.T, kind registry.Kind)) {
	for _, kind := range registry.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, kind)
		})
	}
}

func quick(t *testing.T) *Client {
	t.Helper()
	return New(Config{
		Idle: 300 * time.Millisecond, Deadline: 10 * time.Second, Backoff: 5 * time.Millisecond,
		Progress: func(line string) { t.Log(line) },
	})
}

// pushImage pushes an image of three layers and returns its digest.
func pushImage(t *testing.T, repository string) string {
	t.Helper()
	image, err := random.Image(5000, 3)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(reference(t, repository, digest.String()), image); err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// pushIndex pushes an index of two platforms and returns the digests of the index and
// of the first image.
func pushIndex(t *testing.T, repository string) (index, image string) {
	t.Helper()
	whole := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range []string{"amd64", "arm64"} {
		made, err := random.Image(5000, 3)
		if err != nil {
			t.Fatal(err)
		}
		whole = mutate.AppendManifests(whole, mutate.IndexAddendum{
			Add: forPlatform(t, made, arch), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	digest, err := whole.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(reference(t, repository, digest.String()), whole); err != nil {
		t.Fatal(err)
	}
	manifest, err := whole.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String(), manifest.Manifests[0].Digest.String()
}

func forPlatform(t *testing.T, image v1.Image, arch string) v1.Image {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", arch
	if image, err = mutate.ConfigFile(image, config); err != nil {
		t.Fatal(err)
	}
	return mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), types.OCIConfigJSON)
}

func reference(t *testing.T, repository, digest string) name.Digest {
	t.Helper()
	ref, err := name.NewDigest(repository + "@" + digest)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func attach(t *testing.T, c *Client, repository, subject, what string) string {
	t.Helper()
	digest, err := c.Attach(t.Context(), repository, subject, Attachment{
		Type: "application/vnd.example." + what, LayerType: "text/plain", Layer: []byte(what),
		Annotations: map[string]string{"what": what, "a": "b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// listed are the digests of a manifest's referrers.
func listed(t *testing.T, c *Client, repository, digest string) []string {
	t.Helper()
	found, err := c.Referrers(t.Context(), repository, digest)
	if err != nil {
		t.Fatal(err)
	}
	var digests []string
	for _, d := range found {
		digests = append(digests, d.Digest.String())
	}
	slices.Sort(digests)
	return digests
}

func allTags(t *testing.T, c *Client, repository string) []string {
	t.Helper()
	var tags []string
	for tag, err := range c.Tags(t.Context(), repository) {
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, tag)
	}
	return tags
}
