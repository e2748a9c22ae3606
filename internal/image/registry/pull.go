package registry

import (
	"context"
	"fmt"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway.dev/slipway/internal/oci"
)

// refName is the annotation by which an OCI layout names its images.
const refName = "org.opencontainers.image.ref.name"

// Pull writes an image of a tag into folder as an OCI layout that names it localName,
// and returns its ID. Every byte has been verified when it returns without an error;
// ErrAbsent if there is no such tag.
func (r *Registry) Pull(ctx context.Context, image, tag, arch, localName, folder string) (id string, err error) {
	ref, err := r.reference(image, tag)
	if err != nil {
		return "", err
	}
	fail := func(err error) (string, error) { return "", oci.Explain("pull "+ref.Name(), ref.RegistryStr(), err) }
	found, err := remote.Get(ref, append(r.options(ctx), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: arch}))...)
	if isAbsent(err) {
		return "", ErrAbsent
	}
	if err != nil {
		return fail(err)
	}
	img, err := found.Image()
	if err != nil {
		return fail(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return fail(err)
	}
	if config.Architecture != arch {
		return fail(fmt.Errorf("it is for %s, not for %s", config.Architecture, arch))
	}
	if err := writeLayout(img, localName, folder); err != nil {
		return fail(err)
	}
	hash, err := img.ConfigName()
	return hash.Hex, err
}

func writeLayout(img v1.Image, localName, folder string) error {
	path, err := layout.Write(filepath.Clean(folder), empty.Index)
	if err != nil {
		return err
	}
	return path.AppendImage(img, layout.WithAnnotations(map[string]string{refName: localName}))
}
