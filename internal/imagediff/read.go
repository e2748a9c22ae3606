package imagediff

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/oci"
)

const (
	parallel  = 4        // things that are read at once
	maxConfig = 16 << 20 // bytes of a configuration
	maxNested = 4        // indexes within each other
)

// Read reads an image without its packages: its manifests and configurations. Of an
// index, it leaves out what is for no platform, such as attestations.
func Read(ctx context.Context, src Source, repository, digest string) (Image, error) {
	r := reader{src, repository}
	m, err := src.Manifest(ctx, repository, digest)
	if err != nil {
		return Image{}, err
	}
	image := Image{Repository: repository, Digest: digest, MediaType: m.MediaType}
	image.Platforms, err = r.platforms(ctx, m, "", 0)
	return image, err
}

type reader struct {
	src        Source
	repository string
}

// platforms are those of a manifest, which an index above it may have named.
func (r reader) platforms(ctx context.Context, m oci.Manifest, name string, depth int) ([]Platform, error) {
	if !types.MediaType(m.MediaType).IsIndex() {
		p, err := r.platform(ctx, m, name)
		return []Platform{p}, err
	}
	if depth == maxNested {
		return nil, fmt.Errorf("read %s@%s: it is an index within %d others", r.repository, m.Digest, maxNested)
	}
	children, err := r.children(m)
	if err != nil {
		return nil, err
	}
	found := make([][]Platform, len(children))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, child := range children {
		group.Go(func() error {
			m, err := r.src.Manifest(ctx, r.repository, child.Digest.String())
			if err == nil {
				found[i], err = r.platforms(ctx, m, platformName(child.Platform), depth+1)
			}
			return err
		})
	}
	err = group.Wait()
	return slices.Concat(found...), err
}

func (r reader) children(m oci.Manifest) ([]v1.Descriptor, error) {
	var index v1.IndexManifest
	if err := r.unmarshal(m, &index); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(index.Manifests, func(d v1.Descriptor) bool {
		known := d.MediaType.IsImage() || d.MediaType.IsIndex()
		return !known || platformName(d.Platform) == "unknown/unknown" // as buildkit marks attestations
	}), nil
}

func platformName(p *v1.Platform) string {
	if p == nil {
		return ""
	}
	return p.String()
}

func (r reader) unmarshal(m oci.Manifest, into any) error {
	if err := json.Unmarshal(m.Raw, into); err != nil {
		return fmt.Errorf("read %s@%s: %w", r.repository, m.Digest, err)
	}
	return nil
}

// platform reads the configuration of an image's manifest. The platform is what an
// index calls it, or else what the configuration says.
func (r reader) platform(ctx context.Context, m oci.Manifest, name string) (Platform, error) {
	var manifest v1.Manifest
	if err := r.unmarshal(m, &manifest); err != nil {
		return Platform{}, err
	}
	p := Platform{Name: name, Digest: m.Digest, Size: manifest.Config.Size}
	for _, l := range manifest.Layers {
		p.Layers = append(p.Layers, Layer{Digest: l.Digest.String(), MediaType: string(l.MediaType), Size: l.Size})
		p.Size += l.Size
	}
	if !manifest.Config.MediaType.IsConfig() { // an artifact of another kind
		return p, nil
	}
	file, err := r.config(ctx, manifest.Config)
	if err != nil {
		return Platform{}, err
	}
	if name == "" {
		p.Name = platformName(file.Platform())
	}
	p.Created, p.Config = file.Created.UTC(), config(file.Config)
	addHistory(p.Layers, file.History)
	return p, nil
}

func (r reader) config(ctx context.Context, d v1.Descriptor) (file *v1.ConfigFile, err error) {
	if d.Size > maxConfig {
		return nil, fmt.Errorf("read configuration %s of %s: it has %d bytes, more than any has", d.Digest, r.repository, d.Size)
	}
	err = r.src.ReadBlob(ctx, r.repository, d.Digest.String(), d.Size, func(body io.Reader) error {
		raw, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		if file, err = v1.ParseConfigFile(bytes.NewReader(raw)); err != nil {
			return fmt.Errorf("it is no configuration: %v", err) //nolint:errorlint // of right bytes, so no fault of the registry's
		}
		return nil
	})
	return file, err
}

func config(c v1.Config) Config {
	return Config{
		User: c.User, WorkingDir: c.WorkingDir, StopSignal: c.StopSignal,
		Entrypoint: c.Entrypoint, Cmd: c.Cmd, Env: c.Env, Labels: c.Labels,
		Ports:   slices.Sorted(maps.Keys(c.ExposedPorts)),
		Volumes: slices.Sorted(maps.Keys(c.Volumes)),
	}
}

// addHistory says of each layer what made it, if the history speaks of these layers.
func addHistory(layers []Layer, history []v1.History) {
	history = slices.DeleteFunc(slices.Clone(history), func(h v1.History) bool { return h.EmptyLayer })
	if len(history) != len(layers) {
		return
	}
	for i, h := range history {
		layers[i].CreatedBy = h.CreatedBy
	}
}
