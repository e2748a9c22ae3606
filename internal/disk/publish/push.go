// Package publish sends disks to where others find them: a registry and an object store.
//
// A disk goes beside the image that it was made of, as an artifact that refers to it, so
// that promotion carries it along. It has no tag: it is named by its digest, or found by
// the image's. Nothing is sent that is there, and the disk comes before what names it.
package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/store"
)

// ArtifactType is what a registry and its clients know a disk by.
const ArtifactType = "application/vnd.slipway.disk.v1"

// The annotations of a disk.
const (
	FormatAnnotation = "dev.slipway.disk.format"
	KernelAnnotation = "dev.slipway.disk.kernel"
)

// recordType is the media type of the record of what a disk was made of, which is the
// configuration of its artifact.
const recordType types.MediaType = "application/vnd.slipway.disk.record.v1+json"

// Pushed is a disk in a registry.
type Pushed struct {
	Disk     string `json:"disk"`     // digest of the file
	Artifact string `json:"artifact"` // digest of the manifest that refers to the image
}

// Registry is where disks are pushed to: the repository that has their image.
type Registry struct {
	Repository string // HOST/PATH
	Say        func(string)
}

// Push sends the disks of a record, which lie in a folder.
func (r Registry) Push(ctx context.Context, record *disk.Record, folder string) ([]Pushed, error) {
	client := oci.New(oci.Config{Progress: r.Say})
	image, err := client.Manifest(ctx, r.Repository, record.Image.Digest)
	if errors.Is(err, oci.ErrAbsent) {
		return nil, fmt.Errorf("push disks to %s: it does not have the image %s that they were made of; push that first", r.Repository, record.Image.Digest)
	}
	if err != nil {
		return nil, fmt.Errorf("push disks: %w", err)
	}
	var all []Pushed
	for _, file := range record.Files {
		digest, err := r.pushFile(ctx, client, image, record, file, folder)
		if err != nil {
			return all, fmt.Errorf("push %s to %s: %w", file.Name, r.Repository, err)
		}
		all = append(all, Pushed{Disk: file.Digest, Artifact: digest})
	}
	return all, nil
}

func (r Registry) pushFile(ctx context.Context, client *oci.Client, image oci.Manifest, record *disk.Record, file disk.File, folder string) (string, error) {
	about, err := recordOf(record, file)
	if err != nil {
		return "", err
	}
	manifest, err := manifestOf(image, about, record.Boot.Version, file)
	if err != nil {
		return "", err
	}
	repository, err := name.NewRepository(r.Repository, name.StrictValidation)
	if err != nil {
		return "", err
	}
	host := repository.RegistryStr()
	defer progress.Watch(10*time.Second, "push "+file.Name, r.Say)()
	for _, layer := range []v1.Layer{static.NewLayer(about, recordType), blob{file, filepath.Join(folder, file.Name)}} {
		if err := remote.WriteLayer(repository, layer, options(ctx)...); err != nil {
			return "", oci.Explain("send a blob", host, err)
		}
	}
	if err := client.Put(ctx, r.Repository, manifest); err != nil {
		return "", err
	}
	if err := client.Refer(ctx, r.Repository, manifest); err != nil {
		return "", err
	}
	_, err = client.Manifest(ctx, r.Repository, manifest.Digest) // which is verified
	return manifest.Digest, err
}

func options(ctx context.Context) []remote.Option {
	transport := oci.IdleTransport(remote.DefaultTransport, oci.DefaultIdle)
	return []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithTransport(transport)}
}

// recordOf is the record of one disk, without what can differ when the same is made again.
func recordOf(record *disk.Record, file disk.File) ([]byte, error) {
	one := *record
	one.Image.Reference, one.Files = "", []disk.File{file}
	return store.MarshalJSON(one)
}

// manifestOf is a disk's manifest. It depends on the image, the disk and its record alone,
// so that a disk that is pushed again is the same artifact.
func manifestOf(image oci.Manifest, about []byte, kernel string, file disk.File) (oci.Manifest, error) {
	subject, err := v1.NewHash(image.Digest)
	if err != nil {
		return oci.Manifest{}, err
	}
	digest, err := v1.NewHash(file.Digest)
	if err != nil {
		return oci.Manifest{}, err
	}
	config, size, err := v1.SHA256(bytes.NewReader(about))
	if err != nil {
		return oci.Manifest{}, err
	}
	raw, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: ArtifactType,
		Config: v1.Descriptor{MediaType: recordType, Digest: config, Size: size},
		Layers: []v1.Descriptor{{
			MediaType: mediaType(file.Format), Digest: digest, Size: file.Size,
			Annotations: map[string]string{"org.opencontainers.image.title": file.Name},
		}},
		Annotations: map[string]string{FormatAnnotation: string(file.Format), KernelAnnotation: kernel},
		Subject:     &v1.Descriptor{MediaType: types.MediaType(image.MediaType), Digest: subject, Size: int64(len(image.Raw))},
	})
	if err != nil {
		return oci.Manifest{}, err
	}
	sum, _, err := v1.SHA256(bytes.NewReader(raw))
	return oci.Manifest{Digest: sum.String(), MediaType: string(types.OCIManifestSchema1), Raw: raw}, err
}

func mediaType(format disk.Format) types.MediaType {
	return types.MediaType(ArtifactType + "." + string(format))
}
