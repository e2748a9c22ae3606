// Package source reads an image that a disk is to be made of.
//
// An image is named once and then known by digest: manifests, configuration and layers
// are verified, wherever they come from. A layer is kept uncompressed under the digest of
// its bytes, so that the next image that has it neither sends nor unpacks it.
package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image is an image for linux/amd64.
type Image struct {
	Reference string // as it was named
	Digest    string // of what was named: an index, or the manifest itself
	Manifest  string // digest of its manifest for linux/amd64
	Created   time.Time
	Labels    map[string]string

	layers  []v1.Descriptor
	diffIDs []v1.Hash
	origin  origin
}

// origin is where an image lies.
type origin interface {
	// manifest reads a manifest or index, verified.
	manifest(ctx context.Context, digest string) ([]byte, types.MediaType, error)
	// blob gives a blob to read, perhaps again from the start after a fault.
	blob(ctx context.Context, blob v1.Descriptor, read func(io.Reader) error) error
}

// Forms are the ways to name an image, for people.
const Forms = "HOST/PATH@sha256:HEX, HOST/PATH:TAG or oci:FOLDER[@sha256:HEX]"

var pinned = regexp.MustCompile(`^(.+)@(sha256:[0-9a-f]{64})$`)

// Open finds an image and reads what it says of itself. say is told of every wait.
func Open(ctx context.Context, reference string, say func(string)) (*Image, error) {
	image, err := find(ctx, reference, say)
	if err == nil {
		err = image.read(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("read image %s: %w", reference, err)
	}
	image.Reference = reference
	return image, nil
}

func find(ctx context.Context, reference string, say func(string)) (*Image, error) {
	if folder, ok := strings.CutPrefix(reference, "oci:"); ok {
		return openFolder(folder)
	}
	return openRegistry(ctx, reference, say)
}

// Platform is the one that a disk is made for.
const platform = "linux/amd64"

// read reads the manifest and the configuration.
func (i *Image) read(ctx context.Context) error {
	raw, kind, err := i.origin.manifest(ctx, i.Digest)
	if err != nil {
		return err
	}
	i.Manifest = i.Digest
	if kind.IsIndex() {
		if i.Manifest, err = choose(raw); err != nil {
			return err
		}
		if raw, kind, err = i.origin.manifest(ctx, i.Manifest); err != nil {
			return err
		}
	}
	if !kind.IsImage() {
		return fmt.Errorf("%s is of type %s, and no image", i.Manifest, kind)
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return fmt.Errorf("parse manifest %s: %w", i.Manifest, err)
	}
	i.layers = manifest.Layers
	return i.readConfig(ctx, manifest.Config)
}

// choose finds the platform's manifest in an index.
func choose(raw []byte) (string, error) {
	var index v1.IndexManifest
	if err := json.Unmarshal(raw, &index); err != nil {
		return "", fmt.Errorf("parse the index: %w", err)
	}
	var have, fit []string
	for _, m := range index.Manifests {
		if m.Platform == nil {
			have = append(have, "one of no platform")
			continue
		}
		name := m.Platform.OS + "/" + m.Platform.Architecture
		have = append(have, name)
		if name == platform {
			fit = append(fit, m.Digest.String())
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(fit) > 1:
		return "", fmt.Errorf("it has several images for %s; name one: %s", platform, strings.Join(fit, ", "))
	case len(index.Manifests) == 1 && index.Manifests[0].Platform == nil:
		return index.Manifests[0].Digest.String(), nil
	}
	return "", fmt.Errorf("it has no image for %s, which is what disks are made of; it has: %s", platform, strings.Join(have, ", "))
}

// maxConfig bounds what is read into the memory.
const maxConfig = 8 << 20

func (i *Image) readConfig(ctx context.Context, config v1.Descriptor) error {
	if config.Size > maxConfig {
		return fmt.Errorf("its configuration has %d bytes, more than %d", config.Size, maxConfig)
	}
	var raw []byte
	err := i.origin.blob(ctx, config, func(r io.Reader) (err error) {
		raw, err = io.ReadAll(io.LimitReader(r, maxConfig))
		return err
	})
	if err != nil {
		return err
	}
	var file v1.ConfigFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return fmt.Errorf("parse its configuration: %w", err)
	}
	if have := file.OS + "/" + file.Architecture; have != platform {
		return fmt.Errorf("it is for %s, and disks are made for %s", have, platform)
	}
	if len(file.RootFS.DiffIDs) != len(i.layers) || len(i.layers) == 0 {
		return fmt.Errorf("it has %d layers and %d digests of them", len(i.layers), len(file.RootFS.DiffIDs))
	}
	for _, layer := range i.layers {
		if !layer.MediaType.IsLayer() {
			return fmt.Errorf("layer %s is of type %s, which is none of an OS image", layer.Digest, layer.MediaType)
		}
	}
	for _, id := range file.RootFS.DiffIDs {
		if id.Algorithm != "sha256" || len(id.Hex) != 64 {
			return errors.New("the digests of its layers are not sha256")
		}
	}
	i.diffIDs, i.Created, i.Labels = file.RootFS.DiffIDs, file.Created.Time, file.Config.Labels
	return nil
}

// Pinned is the image's name in its registry, by digest; ok is false if it is in none.
func (i *Image) Pinned() (name string, ok bool) {
	r, ok := i.origin.(registry)
	return r.repository + "@" + i.Digest, ok
}
