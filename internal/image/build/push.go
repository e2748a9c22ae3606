package build

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"slipway.dev/slipway/internal/image/registry"
	"slipway.dev/slipway/internal/progress"
)

// Sent says what is in the registry under an image's tag.
type Sent struct {
	Image     string            `json:"image"`
	Tag       string            `json:"tag"`
	Name      string            `json:"name"`                // in the registry
	Digest    string            `json:"digest"`              // of the index, by which jobs name it
	Manifests map[string]string `json:"manifests,omitempty"` // digest by architecture, of what was sent now
	Already   bool              `json:"already,omitempty"`
	Warning   string            `json:"warning,omitempty"`
}

// Push makes the registry have an image under its tag, for all its architectures. A
// tag that is there stays as it is, since it names the same content. Those of archs
// are loaded or built if they are not here; the others must be here.
func (b *Builder) Push(ctx context.Context, to *registry.Registry, name string, archs []string) (Sent, error) {
	img, err := b.Tree.Find(name)
	if err != nil {
		return Sent{}, err
	}
	tag, err := b.Tree.Tag(img.Name)
	if err != nil {
		return Sent{}, err
	}
	sent := Sent{Image: img.Name, Tag: tag, Name: to.Name(img.Name, tag)}
	defer progress.Watch(tellEvery, "push "+sent.Name, b.Say)()
	entry, err := to.Look(ctx, img.Name, tag)
	if err == nil {
		sent.Digest, sent.Already = entry.Digest, true
		sent.Warning, err = b.compare(ctx, img.Name, entry)
		return sent, err
	}
	if !errors.Is(err, registry.ErrAbsent) {
		return Sent{}, err
	}
	locals, remove, err := b.save(ctx, img.Name, img.Architectures, archs)
	if err != nil {
		return Sent{}, err
	}
	defer remove()
	pushed, err := to.Push(ctx, img.Name, tag, locals)
	sent.Digest, sent.Manifests = pushed.Digest, pushed.Manifests
	return sent, err
}

// compare warns if the registry's image of a tag is not the one that is here: then
// one of the two was not built from what the tag names, or not reproducibly.
func (b *Builder) compare(ctx context.Context, name string, entry registry.Entry) (warning string, err error) {
	storage, err := b.Podman.Images(ctx)
	if err != nil {
		return "", err
	}
	for arch, id := range entry.IDs {
		t, err := b.target(name, arch)
		if err != nil {
			continue // the registry has more than the tree asks for
		}
		if here := storage.ID(b.name(t)); here != "" && here != id {
			return fmt.Sprintf("the registry's image for %s has ID %s, the one here %s; the registry keeps its own", arch, id, here), nil
		}
	}
	return "", nil
}

// save writes an image's architectures into a scratch folder, a layout each.
func (b *Builder) save(ctx context.Context, name string, archs, mayBuild []string) (locals []registry.Local, remove func(), err error) {
	for _, arch := range archs {
		if slices.Contains(mayBuild, arch) {
			if _, err := b.Load(ctx, name, arch); err != nil {
				return nil, nil, err
			}
		}
	}
	folder, remove, err := b.scratch(ctx)
	if err != nil {
		return nil, nil, err
	}
	if locals, err = b.saveTo(ctx, folder, name, archs); err != nil {
		remove()
	}
	return locals, remove, err
}

func (b *Builder) saveTo(ctx context.Context, folder, name string, archs []string) (locals []registry.Local, err error) {
	for _, arch := range archs {
		t, err := b.target(name, arch)
		if err != nil {
			return nil, err
		}
		here, err := b.present(ctx, t)
		if err != nil {
			return nil, err
		}
		if here.ID == "" {
			return nil, fmt.Errorf("push %s: its index holds %s, which is not here; build it with --arch %s first", name, arch, arch)
		}
		layout := filepath.Join(folder, arch)
		if err := b.Podman.Save(ctx, here.ID, layout); err != nil {
			return nil, err
		}
		locals = append(locals, registry.Local{Arch: arch, Folder: layout})
	}
	return locals, nil
}
