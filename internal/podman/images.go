package podman

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Stored is an image of podman's storage.
type Stored struct {
	ID    string   `json:"id"` // hex digest of the image's configuration, which names all its uncompressed bytes
	Names []string `json:"names"`
}

// Storage is the images of podman's storage as they were when it was read.
type Storage []Stored

// ID is the ID of the image that has this name, or "".
func (s Storage) ID(name string) string {
	for _, image := range s {
		if slices.Contains(image.Names, name) {
			return image.ID
		}
	}
	return ""
}

// Names are the names of the image with this ID.
func (s Storage) Names(id string) []string {
	for _, image := range s {
		if image.ID == id {
			return image.Names
		}
	}
	return nil
}

// Images reads what images there are. It reads the storage's own index, which takes
// a millisecond; podman is asked only if that index cannot be read.
func (p *Podman) Images(ctx context.Context) (Storage, error) {
	index, err := p.imageIndex(ctx)
	if err != nil {
		return nil, err
	}
	if images, err := readIndex(index); err == nil {
		return images, nil
	}
	return p.listImages(ctx)
}

var errNoIndex = errors.New("the storage's index is on another machine")

func readIndex(path string) (Storage, error) {
	if path == "" {
		return nil, errNoIndex
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && isDir(filepath.Dir(filepath.Dir(path))) {
		return nil, nil // a storage that never held an image
	}
	if err != nil {
		return nil, err
	}
	var images Storage
	return images, json.Unmarshal(data, &images)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// listImages asks podman, in a tenth of a second.
func (p *Podman) listImages(ctx context.Context) (Storage, error) {
	out, err := p.Output(ctx, "images", "--all", "--no-trunc", "--format", "json")
	if err != nil {
		return nil, fmt.Errorf("list podman's images: %w", err)
	}
	var listed []struct {
		ID    string `json:"Id"`
		Names []string
	}
	if err := json.Unmarshal(out, &listed); err != nil {
		return nil, fmt.Errorf("list podman's images: %w", err)
	}
	var images Storage
	for _, image := range listed {
		images = append(images, Stored{strings.TrimPrefix(image.ID, "sha256:"), image.Names})
	}
	return images, nil
}

// Pull makes an image of others be in the storage, which its digest names.
func (p *Podman) Pull(ctx context.Context, name, arch string) error {
	if _, err := p.Output(ctx, "image", "exists", name); err == nil {
		return nil
	}
	if _, err := p.Output(ctx, "pull", "--quiet", "--platform", "linux/"+arch, name); err != nil {
		return explainFull(fmt.Errorf("pull %s: %w", name, err), p.root())
	}
	return nil
}

// Tag gives the image that has the name or ID image further names.
func (p *Podman) Tag(ctx context.Context, image string, names ...string) error {
	if _, err := p.Output(ctx, append([]string{"tag", image}, names...)...); err != nil {
		return fmt.Errorf("tag %s: %w", image, err)
	}
	return nil
}

// Remove removes names, and IDs of images that have none; an image goes with its
// last name. One that a container uses stays, which is an error.
func (p *Podman) Remove(ctx context.Context, images ...string) error {
	if _, err := p.Output(ctx, append([]string{"rmi"}, images...)...); err != nil {
		return fmt.Errorf("remove images: %w", err)
	}
	return nil
}

// Save writes an image into folder as an OCI layout with uncompressed layers.
func (p *Podman) Save(ctx context.Context, image, folder string) error {
	_, err := p.Output(ctx, "save", "--quiet", "--format", "oci-dir", "--uncompressed", "--output", folder, image)
	if err != nil {
		return explainFull(fmt.Errorf("save %s: %w", image, err), folder)
	}
	return nil
}

// explainFull adds the cure to an error that a full disk made; where is a place on it.
func explainFull(err error, where string) error {
	if err == nil || !strings.Contains(err.Error(), "no space left on device") {
		return err
	}
	return fmt.Errorf("the disk of %s is full; make room, for instance with `podman image prune`, and try again: %w", where, err)
}

// Labels are those of an image, by its name or ID.
func (p *Podman) Labels(ctx context.Context, image string) (map[string]string, error) {
	out, err := p.Output(ctx, "image", "inspect", "--format", "{{json .Labels}}", image)
	if err != nil {
		return nil, fmt.Errorf("read the labels of %s: %w", image, err)
	}
	labels := map[string]string{}
	if err := json.Unmarshal(out, &labels); err != nil {
		return nil, fmt.Errorf("read the labels of %s: %w", image, err)
	}
	return labels, nil
}
