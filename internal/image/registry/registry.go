// Package registry pushes job images to a registry and pulls them from it.
//
// A tag names content and never changes, so a push creates a tag or leaves it
// alone. What a pull gives has been read to its end and verified against its
// digests before anybody else sees it; and whatever keeps a registry from
// answering is an error that says so, never an image that is absent.
package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"slipway.dev/slipway/internal/oci"
)

// ErrAbsent says that the registry answered, and has no such tag.
var ErrAbsent = errors.New("the registry has no such tag")

// DefaultIdle is how long a registry may say nothing.
const DefaultIdle = 2 * time.Minute

// Config says which registry, and how.
type Config struct {
	Prefix   string         // HOST/PATH that images' names are appended to
	Idle     time.Duration  // how long the registry may say nothing; 0 is DefaultIdle
	Keychain authn.Keychain // nil is what docker's and podman's login left
}

// Registry is the place of a tree's images in a registry.
type Registry struct {
	prefix   string
	idle     time.Duration
	keychain authn.Keychain
}

// New checks the prefix; it does not speak to the registry.
func New(c Config) (*Registry, error) {
	prefix := strings.TrimSuffix(c.Prefix, "/")
	_, err := name.NewRepository(prefix+"/x", name.StrictValidation)
	if err == nil && strings.Contains(prefix, "://") {
		err = errors.New("a prefix has no scheme")
	}
	if err != nil {
		return nil, fmt.Errorf("remote prefix %q: %w; it looks like HOST/PROJECT/FOLDER", c.Prefix, err)
	}
	r := &Registry{prefix: prefix, idle: c.Idle, keychain: c.Keychain}
	if r.idle == 0 {
		r.idle = DefaultIdle
	}
	if r.keychain == nil {
		r.keychain = authn.DefaultKeychain
	}
	return r, nil
}

// Name is the full name of an image's tag.
func (r *Registry) Name(image, tag string) string { return r.prefix + "/" + image + ":" + tag }

func (r *Registry) reference(image, tag string) (name.Tag, error) {
	ref, err := name.NewTag(r.Name(image, tag), name.StrictValidation)
	if err != nil {
		return ref, fmt.Errorf("name %s in a registry: %w", image, err)
	}
	return ref, nil
}

// options are for one operation. Go-containerregistry tries again after what passes
// by itself; a registry that stalls has had its time.
func (r *Registry) options(ctx context.Context) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx),
		remote.WithAuthFromKeychain(r.keychain),
		remote.WithTransport(oci.IdleTransport(remote.DefaultTransport, r.idle)),
	}
}

// Entry is what a registry has under a tag.
type Entry struct {
	Digest string            // of the index
	IDs    map[string]string // image ID by architecture
}

// Look says what the registry has under a tag; ErrAbsent if it has none.
func (r *Registry) Look(ctx context.Context, image, tag string) (Entry, error) {
	ref, err := r.reference(image, tag)
	if err != nil {
		return Entry{}, err
	}
	found, err := remote.Get(ref, r.options(ctx)...)
	if isAbsent(err) {
		return Entry{}, ErrAbsent
	}
	if err != nil {
		return Entry{}, oci.Explain("look up "+ref.Name(), ref.RegistryStr(), err)
	}
	entry := Entry{Digest: found.Digest.String(), IDs: map[string]string{}}
	err = eachImage(found, func(arch string, img v1.Image) error {
		id, err := img.ConfigName()
		entry.IDs[arch] = id.Hex
		return err
	})
	return entry, oci.Explain("look up "+ref.Name(), ref.RegistryStr(), err)
}

// eachImage visits the images of an index, or the single image that somebody else
// put in its place.
func eachImage(found *remote.Descriptor, visit func(arch string, img v1.Image) error) error {
	if !found.MediaType.IsIndex() {
		img, err := found.Image()
		if err != nil {
			return err
		}
		config, err := img.ConfigFile()
		if err != nil {
			return err
		}
		return visit(config.Architecture, img)
	}
	index, err := found.ImageIndex()
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, entry := range manifest.Manifests {
		if entry.Platform == nil || !entry.MediaType.IsImage() {
			continue // a signature or another companion
		}
		img, err := index.Image(entry.Digest)
		if err != nil {
			return err
		}
		if err := visit(entry.Platform.Architecture, img); err != nil {
			return err
		}
	}
	return nil
}

// isAbsent says whether a registry answered that it has no such manifest. A 404 of
// anything else comes from what is no registry, or from a broken one.
func isAbsent(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound &&
		answer.Request != nil && strings.Contains(answer.Request.URL.Path, "/manifests/")
}
