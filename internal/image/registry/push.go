package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"slipway.dev/slipway/internal/oci"
)

// Local is an image of this machine.
type Local struct {
	Arch   string // Go's name
	Folder string // OCI layout that holds this image alone; its layers are compressed in it
}

// Pushed is what a push put into the registry.
type Pushed struct {
	Digest    string            // of the index
	Manifests map[string]string // digest of the manifest by architecture
}

// Push sends the images of all architectures, then the index of them under the tag.
// Blobs that the registry has are not sent. The caller has seen that the tag is
// absent; of two that push at once both write the same bytes.
func (r *Registry) Push(ctx context.Context, image, tag string, locals []Local) (Pushed, error) {
	ref, err := r.reference(image, tag)
	if err != nil {
		return Pushed{}, err
	}
	pushed, err := r.push(ctx, ref, locals)
	return pushed, oci.Explain("push "+ref.Name(), ref.RegistryStr(), err)
}

// PushUntagged sends the images of all architectures, then an index of them with these
// annotations, which no tag names: by its digest it can be tagged, or be left.
func (r *Registry) PushUntagged(ctx context.Context, image string, annotations map[string]string, locals []Local) (Pushed, error) {
	repository, err := name.NewRepository(r.prefix+"/"+image, name.StrictValidation)
	if err != nil {
		return Pushed{}, fmt.Errorf("name %s in a registry: %w", image, err)
	}
	raw, pushed, err := r.pushImages(ctx, repository, annotations, locals)
	if err == nil {
		err = remote.Put(repository.Digest(pushed.Digest), raw, r.options(ctx)...)
	}
	return pushed, oci.Explain("push "+repository.Name(), repository.RegistryStr(), err)
}

func (r *Registry) push(ctx context.Context, ref name.Tag, locals []Local) (Pushed, error) {
	raw, pushed, err := r.pushImages(ctx, ref.Context(), nil, locals)
	if err != nil {
		return Pushed{}, err
	}
	return pushed, remote.Put(ref, raw, r.options(ctx)...)
}

// pushImages sends the images, and gives the index of them, which is not sent yet.
func (r *Registry) pushImages(ctx context.Context, to name.Repository, annotations map[string]string, locals []Local) (rawIndex, Pushed, error) {
	pushed := Pushed{Manifests: map[string]string{}}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Annotations: annotations}
	for _, local := range locals {
		img, err := pack(local.Folder)
		if err != nil {
			return nil, Pushed{}, fmt.Errorf("compress layers for %s: %w", local.Arch, err)
		}
		entry, err := describe(img, local.Arch)
		if err != nil {
			return nil, Pushed{}, err
		}
		if err := remote.Write(to.Digest(entry.Digest.String()), img, r.options(ctx)...); err != nil {
			return nil, Pushed{}, err
		}
		index.Manifests = append(index.Manifests, entry)
		pushed.Manifests[local.Arch] = entry.Digest.String()
	}
	raw, digest, err := marshalIndex(index)
	pushed.Digest = digest
	return raw, pushed, err
}

// describe is an image's entry in the index.
func describe(img v1.Image, arch string) (v1.Descriptor, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return v1.Descriptor{}, err
	}
	if config.Architecture != arch {
		return v1.Descriptor{}, fmt.Errorf("the image is for %s instead of %s", config.Architecture, arch)
	}
	raw, err := img.RawManifest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	digest, size, err := v1.SHA256(bytes.NewReader(raw))
	return v1.Descriptor{
		MediaType: types.OCIManifestSchema1, Digest: digest, Size: size,
		Platform: &v1.Platform{OS: config.OS, Architecture: config.Architecture, Variant: config.Variant},
	}, err
}

// rawIndex is an index whose images are in the registry already.
type rawIndex []byte

func (i rawIndex) RawManifest() ([]byte, error)        { return i, nil }
func (i rawIndex) MediaType() (types.MediaType, error) { return types.OCIImageIndex, nil }

// marshalIndex orders by architecture, so that equal images make an equal index.
func marshalIndex(index v1.IndexManifest) (rawIndex, string, error) {
	slices.SortFunc(index.Manifests, func(a, b v1.Descriptor) int {
		return strings.Compare(a.Platform.Architecture, b.Platform.Architecture)
	})
	raw, err := json.Marshal(index)
	if err != nil {
		return nil, "", err
	}
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	return raw, digest.String(), err
}
