package build

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"regexp"

	"slipway.dev/slipway/internal/image/registry"
	"slipway.dev/slipway/internal/podman"
	"slipway.dev/slipway/internal/progress"
)

// RunError is a RUN of a stage that failed: it was run, and said no.
type RunError struct{ Err error }

func (e *RunError) Error() string { return e.Err.Error() }
func (e *RunError) Unwrap() error { return e.Err }

// ranAndFailed is how podman build tells that a RUN ended with an exit code.
var ranAndFailed = regexp.MustCompile(`(?m)^Error: building at STEP .*: (while running runtime: )?exit status [0-9]+$`)

// Stage builds one stage of an image's Dockerfile, which nothing keeps: what its RUNs
// say is what it is for. Like a build it sees the tracked files and no network. A RUN
// that fails is a *RunError; whatever else fails says nothing about the stage.
func (b *Builder) Stage(ctx context.Context, name, arch, stage string, log io.Writer) error {
	t, err := b.target(name, arch)
	if err != nil {
		return err
	}
	parents, err := b.loadParents(ctx, t)
	if err != nil {
		return err
	}
	defer progress.Watch(tellEvery, "stage "+stage+" of "+t.image.Name, b.Say)()
	folder, remove, err := b.scratch(ctx)
	if err != nil {
		return err
	}
	defer remove()
	if err := b.prepare(ctx, t, parents, folder); err != nil {
		return fmt.Errorf("build stage %s of %s: %w", stage, t.image.Name, err)
	}
	var said bytes.Buffer
	id, err := b.Podman.Build(ctx, podman.Build{
		Context:    filepath.Join(folder, contextFolder),
		Dockerfile: filepath.Join(folder, dockerfileName),
		Stage:      stage, Arch: t.arch, Args: b.Args, Scratch: folder, Log: io.MultiWriter(&said, log),
	})
	b.drop(ctx, id, "")
	if err == nil {
		return nil
	}
	err = fmt.Errorf("stage %s of %s: %w", stage, t.image.Name, err)
	if ranAndFailed.Match(said.Bytes()) && ctx.Err() == nil {
		return &RunError{err}
	}
	return err
}

// Labels are those of an image of podman's storage.
func (b *Builder) Labels(ctx context.Context, id string) (map[string]string, error) {
	return b.Podman.Labels(ctx, id)
}

// PushUntagged sends an image of the tree, for all its architectures, to what the
// registry calls as, under no tag. The index has these annotations.
func (b *Builder) PushUntagged(ctx context.Context, to *registry.Registry, as, name string, annotations map[string]string) (registry.Pushed, error) {
	img, err := b.Tree.Find(name)
	if err != nil {
		return registry.Pushed{}, err
	}
	defer progress.Watch(tellEvery, "push "+img.Name, b.Say)()
	locals, remove, err := b.save(ctx, img.Name, img.Architectures, img.Architectures)
	if err != nil {
		return registry.Pushed{}, err
	}
	defer remove()
	return to.PushUntagged(ctx, as, annotations, locals)
}
