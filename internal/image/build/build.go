// Package build builds job images: it makes the context, and podman the image.
//
// What podman sees is a copy of the folder's tracked files and of inputs that
// tracked files decide, with fixed modes and times, and no network: so an image
// built twice, here or elsewhere, has one image ID. A tag is set only on an image
// that is complete.
package build

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/image"
	"slipway.dev/slipway/internal/podman"
	"slipway.dev/slipway/internal/progress"
)

// Builder makes the images of a tree be in podman's storage.
type Builder struct {
	Config
}

// Config says what a Builder works with. Tree, Podman and Cache are needed.
type Config struct {
	Tree    *image.Tree
	Podman  *podman.Podman
	Cache   string                            // folder for scratch, locks and logs
	Inputs  []Find                            // what goes into contexts beside tracked files
	Remote  Remote                            // where images are pulled from; nil is nowhere
	Args    []string                          // build arguments KEY=VALUE, which the tree's tags cover
	Timeout time.Duration                     // for one image, its parents not counted; 0 is an hour
	Log     func(image string) io.WriteCloser // takes what a build prints; nil is nobody
	Say     func(string)                      // progress; nil is nobody
}

const (
	defaultTimeout = time.Hour
	tellEvery      = 15 * time.Second
)

// New makes a Builder.
func New(c Config) *Builder {
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	if c.Log == nil {
		c.Log = func(string) io.WriteCloser { return nobody{} }
	}
	if c.Say == nil {
		c.Say = func(string) {}
	}
	return &Builder{c}
}

// nobody reads logs.
type nobody struct{}

func (nobody) Write(p []byte) (int, error) { return len(p), nil }
func (nobody) Close() error                { return nil }

// target is an image for one architecture.
type target struct {
	image image.Image
	arch  string
	tag   string
}

func (b *Builder) target(name, arch string) (target, error) {
	img, err := b.Tree.Find(name)
	if err != nil {
		return target{}, err
	}
	if !slices.Contains(img.Architectures, arch) {
		return target{}, fmt.Errorf("image %s is not built for %s, only for %s", img.Name, arch, strings.Join(img.Architectures, ", "))
	}
	tag, err := b.Tree.Tag(img.Name)
	return target{img, arch, tag}, err
}

// name is what an image is called in podman's storage.
func (b *Builder) name(t target) string { return Name(b.Tree.Canonical(), t.image.Name, t.tag, t.arch) }

// Build builds an image for an architecture, after its parents. One that is here
// already is left alone, unless anew says to build it again.
func (b *Builder) Build(ctx context.Context, name, arch string, anew bool) (Result, error) {
	t, err := b.target(name, arch)
	if err != nil {
		return Result{}, err
	}
	result, err := b.present(ctx, t)
	if err != nil || result.ID != "" && !anew {
		return result, err
	}
	unlock, err := b.lock(ctx, t)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	if result, err = b.present(ctx, t); err != nil || result.ID != "" && !anew {
		return result, err
	}
	return b.build(ctx, t, result.ID)
}

// build builds what is locked. before is the ID of the image that has the tag.
func (b *Builder) build(ctx context.Context, t target, before string) (Result, error) {
	parents, err := b.loadParents(ctx, t)
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, b.Timeout, fmt.Errorf("it took longer than %s; give it more with --timeout", b.Timeout))
	defer cancel()
	defer progress.Watch(tellEvery, "build "+t.image.Name, b.Say)()
	folder, remove, err := b.scratch(ctx)
	if err != nil {
		return Result{}, err
	}
	defer remove()
	if err := b.prepare(ctx, t, parents, folder); err != nil {
		return Result{}, fmt.Errorf("build %s: %w", t.image.Name, err)
	}
	id, err := b.run(ctx, t, folder)
	if err != nil {
		return Result{}, err
	}
	storage, err := b.Podman.Images(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := b.pointLatest(ctx, storage, t); err != nil {
		return Result{}, err
	}
	b.drop(ctx, before, id)
	return Result{t.image.Name, t.arch, t.tag, b.name(t), id, Built, before}, nil
}

// Where a build's pieces are in its scratch folder.
const (
	contextFolder  = "context"
	dockerfileName = "Dockerfile"
)

// prepare makes the context and the Dockerfile.
func (b *Builder) prepare(ctx context.Context, t target, parents map[string]string, folder string) error {
	files, err := b.Tree.Files(t.image.Name)
	if err != nil {
		return err
	}
	dir := filepath.Join(folder, contextFolder)
	if err := copyTracked(t.image.Folder, dir, files); err != nil {
		return err
	}
	inputs, err := Inputs(b.Inputs, t.image)
	if err != nil {
		return err
	}
	for _, input := range inputs {
		if err := input.Write(ctx, t.arch, dir); err != nil {
			return err
		}
	}
	if err := b.writeDockerfile(t, parents, folder); err != nil {
		return err
	}
	return settle(dir)
}

func (b *Builder) writeDockerfile(t target, parents map[string]string, folder string) error {
	name := t.image.Dockerfiles[t.arch]
	text, err := os.ReadFile(filepath.Join(folder, contextFolder, name))
	if err != nil {
		return err
	}
	references, err := b.Tree.References(t.image.Name, t.arch)
	if err != nil {
		return err
	}
	if text, err = pin(text, references, parents); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(filepath.Join(folder, dockerfileName), text, 0o644)
}

// run runs podman. The log of a build is kept until the next one of that image.
func (b *Builder) run(ctx context.Context, t target, folder string) (id string, err error) {
	path := filepath.Join(b.Cache, "logs", strings.ReplaceAll(t.image.Name, "/", "_")+"-"+t.arch+".log")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("build %s: %w", t.image.Name, err)
	}
	log := b.Log(t.image.Name)
	defer log.Close()
	id, err = b.Podman.Build(ctx, podman.Build{
		Context:    filepath.Join(folder, contextFolder),
		Dockerfile: filepath.Join(folder, dockerfileName),
		Name:       b.name(t), Arch: t.arch, Args: b.Args, Scratch: folder, Log: log,
	})
	if kept := os.Rename(filepath.Join(folder, podman.BuildLog), path); err != nil && kept == nil {
		return "", fmt.Errorf("build %s: %w\nthe whole log: %s", t.image.Name, err, path)
	}
	if err != nil {
		return "", fmt.Errorf("build %s: %w", t.image.Name, err)
	}
	return id, nil
}

// loadParents makes the images that an image stands on be here, and says what each
// is called here.
func (b *Builder) loadParents(ctx context.Context, t target) (map[string]string, error) {
	names := map[string]string{}
	for _, parent := range t.image.Parents {
		loaded, err := b.Load(ctx, parent, t.arch)
		if err != nil {
			return nil, fmt.Errorf("load %s, which %s stands on: %w", parent, t.image.Name, err)
		}
		names[parent] = loaded.Name
	}
	return names, b.loadPinned(ctx, t)
}

// drop removes the image that lost its tag to a new one, if that was its last name.
// One that a container runs on stays until podman prunes it.
func (b *Builder) drop(ctx context.Context, before, id string) {
	storage, err := b.Podman.Images(ctx)
	if err != nil || before == "" || before == id || len(storage.Names(before)) > 0 {
		return
	}
	_ = b.Podman.Remove(ctx, before)
}
