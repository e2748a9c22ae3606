package build

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"slipway.dev/slipway/internal/image/registry"
	"slipway.dev/slipway/internal/podman"
	"slipway.dev/slipway/internal/progress"
)

// Remote is where images are pulled from.
type Remote interface {
	// Pull writes an image into folder as an OCI layout that names it localName,
	// and returns its ID. registry.ErrAbsent is an image that is not there.
	Pull(ctx context.Context, image, tag, arch, localName, folder string) (id string, err error)
	// Name is the full name of an image's tag.
	Name(image, tag string) string
}

// Name is what an image is called in podman's storage. That of another architecture
// than the machine's says so.
func Name(canonical, image, tag, arch string) string {
	name := canonical + "/" + image + ":" + tag
	if arch != runtime.GOARCH {
		name += "-" + arch
	}
	return name
}

// Load makes an image be here: it is, or it is pulled, or, if the registry has no
// such tag, built. That a registry cannot be asked is an error.
func (b *Builder) Load(ctx context.Context, name, arch string) (Result, error) {
	t, err := b.target(name, arch)
	if err != nil {
		return Result{}, err
	}
	if result, err := b.present(ctx, t); err != nil || result.ID != "" {
		return result, err
	}
	unlock, err := b.lock(ctx, t)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	if result, err := b.present(ctx, t); err != nil || result.ID != "" {
		return result, err
	}
	result, err := b.pull(ctx, t)
	if errors.Is(err, registry.ErrAbsent) {
		return b.build(ctx, t, "")
	}
	return result, err
}

// present is the image of a target if it is in the storage; its ID is empty if not.
func (b *Builder) present(ctx context.Context, t target) (Result, error) {
	storage, err := b.Podman.Images(ctx)
	if err != nil {
		return Result{}, err
	}
	id := storage.ID(b.name(t))
	if id == "" {
		return Result{}, nil
	}
	return Result{t.image.Name, t.arch, t.tag, b.name(t), id, Present, ""}, b.pointLatest(ctx, storage, t)
}

// pointLatest makes latest name the image, for people and tests. An image of another
// architecture than the machine's has no such name.
func (b *Builder) pointLatest(ctx context.Context, storage podman.Storage, t target) error {
	if t.arch != runtime.GOARCH {
		return nil
	}
	latest := Name(b.Tree.Canonical(), t.image.Name, "latest", t.arch)
	if storage.ID(latest) == storage.ID(b.name(t)) {
		return nil
	}
	return b.Podman.Tag(ctx, b.name(t), latest)
}

// pull gets an image from the registry. It is read and verified as a whole before
// podman sees it.
func (b *Builder) pull(ctx context.Context, t target) (Result, error) {
	if b.Remote == nil {
		return Result{}, registry.ErrAbsent
	}
	ctx, cancel := context.WithTimeoutCause(ctx, b.Timeout, fmt.Errorf("it took longer than %s; give it more with --timeout", b.Timeout))
	defer cancel()
	remote := b.Remote.Name(t.image.Name, t.tag)
	defer progress.Watch(tellEvery, "pull "+remote, b.Say)()
	folder, remove, err := b.scratch(ctx)
	if err != nil {
		return Result{}, err
	}
	defer remove()
	layout := filepath.Join(folder, "layout")
	id, err := b.Remote.Pull(ctx, t.image.Name, t.tag, t.arch, b.name(t), layout)
	if err != nil {
		return Result{}, err
	}
	if err := b.Podman.Load(ctx, layout); err != nil {
		return Result{}, fmt.Errorf("pull %s: %w", remote, err)
	}
	storage, err := b.Podman.Images(ctx)
	if err != nil {
		return Result{}, err
	}
	if got := storage.ID(b.name(t)); got != id {
		return Result{}, fmt.Errorf("pull %s: podman loaded %q as %s instead of %s", remote, got, b.name(t), id)
	}
	return Result{t.image.Name, t.arch, t.tag, b.name(t), id, Pulled, ""}, b.pointLatest(ctx, storage, t)
}

// loadPinned pulls the images of others that an image names by digest.
func (b *Builder) loadPinned(ctx context.Context, t target) error {
	for _, name := range t.image.External {
		if !strings.Contains(name, "@sha256:") {
			return fmt.Errorf("build %s: it names %s, which may be another image tomorrow; pin it by digest: %s@sha256:...", t.image.Name, name, name)
		}
		stop := progress.Watch(tellEvery, "pull "+name, b.Say)
		err := b.Podman.Pull(ctx, name, t.arch)
		stop()
		if err != nil {
			return fmt.Errorf("build %s: %w", t.image.Name, err)
		}
	}
	return nil
}
