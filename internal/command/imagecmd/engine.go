package imagecmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/debian"
	"slipway.dev/slipway/internal/each"
	"slipway.dev/slipway/internal/image"
	"slipway.dev/slipway/internal/image/build"
	"slipway.dev/slipway/internal/image/gotools"
	"slipway.dev/slipway/internal/image/registry"
	"slipway.dev/slipway/internal/podman"
)

// RemoteVariable names the remote prefix, unless --remote does.
const RemoteVariable = "SLIPWAY_IMAGE_REMOTE"

// engine is what build, load and push have in common: which images, and with what
// they are made.
type engine struct {
	env     cli.Env
	flags   treeFlags
	cache   string
	arch    string
	remote  string
	idle    time.Duration
	timeout time.Duration
	jobs    int
	all     bool
	format  command.Form

	tree    *image.Tree
	builder *build.Builder
	to      *registry.Registry // nil without a remote prefix
}

func (e *engine) add(flags *pflag.FlagSet) {
	e.flags.add(flags)
	command.FormFlag(flags, &e.format)
	flags.BoolVar(&e.all, "all", false, "all images of the tree")
	flags.StringVar(&e.arch, "arch", "", "architecture: amd64 or x86_64, arm64 or aarch64 (default: this machine's)")
	flags.StringVar(&e.cache, "cache", "", "folder for what is kept between runs (default: slipway in the user's cache folder)")
	flags.StringVar(&e.remote, "remote", "", "where images are pulled from and pushed to, HOST/FOLDER (default: $"+RemoteVariable+"; empty is nowhere)")
	flags.IntVar(&e.jobs, "jobs", 2, "how many images are worked on at once")
	flags.DurationVar(&e.timeout, "timeout", time.Hour, "how long one image may take")
	flags.DurationVar(&e.idle, "registry-timeout", registry.DefaultIdle, "how long a registry may say nothing")
}

// open reads the tree, and gets podman and the registry ready.
func (e *engine) open(ctx context.Context) (err error) {
	if e.arch != "" {
		name := e.arch
		if e.arch = image.Arch(name); e.arch == "" {
			return cli.Misuse("--arch %s is no architecture that images are built for; use amd64 or arm64", name)
		}
	}
	if remote := cmp.Or(e.remote, e.env.Getenv(RemoteVariable)); remote != "" {
		if e.to, err = registry.New(registry.Config{Prefix: remote, Idle: e.idle}); err != nil {
			return &cli.UsageError{Err: err}
		}
	}
	if e.tree, err = e.flags.open(ctx); err != nil {
		return err
	}
	if e.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			dir = os.TempDir()
		}
		e.cache = filepath.Join(dir, "slipway")
	}
	engine, err := podman.New(e.cache)
	if err != nil {
		return err
	}
	e.builder = build.New(e.config(engine))
	return nil
}

func (e *engine) config(engine *podman.Podman) build.Config {
	config := build.Config{
		Tree: e.tree, Podman: engine, Cache: filepath.Join(e.cache, "images"),
		Args: arguments(e.flags.arguments), Timeout: e.timeout,
		Inputs: e.inputs(), Log: e.logs(), Say: e.say,
	}
	if e.to != nil {
		config.Remote = e.to
	}
	return config
}

func (e *engine) say(message string) { fmt.Fprintln(e.env.Stderr, message) }

// arguments are build arguments as podman takes them.
func arguments(values map[string]string) []string {
	var args []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		args = append(args, key+"="+values[key])
	}
	return args
}

// inputs are all kinds of things that go into contexts beside tracked files.
func (e *engine) inputs() []build.Find {
	archive := debian.Archive{Cache: filepath.Join(e.cache, "debian"), Timeout: e.timeout, Say: e.say}
	packages := func(img image.Image) (build.Input, error) {
		input, err := archive.Input(img.Name, img.Folder)
		if input == nil {
			return nil, err
		}
		return input, err
	}
	return []build.Find{build.Program(e.tree), packages, gotools.Find(e.say)}
}

// logs give each image's build a log whose lines begin with the image's name, so
// that builds side by side can be told apart.
func (e *engine) logs() func(string) io.WriteCloser {
	var mu sync.Mutex
	return func(image string) io.WriteCloser { return &lines{mu: &mu, w: e.env.Stderr, prefix: image + ": "} }
}

// wanted is the architecture that images are made for.
func (e *engine) wanted() string { return cmp.Or(e.arch, runtime.GOARCH) }

// pick are the images of the names, parents first. An image that was not named by
// itself and is not built for the architecture is passed over.
func (e *engine) pick(args []string) ([]image.Image, error) {
	if (len(args) == 0) != e.all {
		return nil, cli.Misuse("name images or folders of them, or all by --all")
	}
	var wanted []string
	for _, arg := range args {
		matching, err := e.tree.Match(arg)
		if err != nil {
			return nil, misnamed(err)
		}
		wanted = append(wanted, names(matching)...)
	}
	if e.all {
		wanted = names(e.tree.Images())
	}
	if len(wanted) > 1 && e.arch != "" {
		wanted = slices.DeleteFunc(wanted, e.lacks)
	}
	ordered, err := e.tree.Order(wanted)
	return slices.DeleteFunc(ordered, func(img image.Image) bool { return !slices.Contains(wanted, img.Name) }), err
}

func (e *engine) lacks(name string) bool {
	img, err := e.tree.Find(name)
	return err == nil && !slices.Contains(img.Architectures, e.arch)
}

// each makes every picked image, and shows the results of those that were made.
func (e *engine) each(ctx context.Context, args []string, do func(ctx context.Context, name string) (build.Result, error)) error {
	if err := e.open(ctx); err != nil {
		return err
	}
	images, err := e.pick(args)
	if err != nil {
		return err
	}
	results, failed := e.make(ctx, images, do)
	err = command.Show(e.env.Stdout, e.format, results, func(w io.Writer) { printResults(w, results) })
	return errors.Join(err, failed)
}

// make makes images, and returns the results of those that were made.
func (e *engine) make(ctx context.Context, images []image.Image, do func(ctx context.Context, name string) (build.Result, error)) ([]build.Result, error) {
	results := make([]build.Result, len(images))
	failed := build.Each(ctx, images, e.jobs, func(ctx context.Context, img image.Image) (err error) {
		at := slices.IndexFunc(images, func(other image.Image) bool { return other.Name == img.Name })
		results[at], err = do(ctx, img.Name)
		return err
	})
	results = slices.DeleteFunc(results, func(r build.Result) bool { return r.ID == "" })
	return results, single(failed, len(images))
}

func (e *engine) load(ctx context.Context, name string) (build.Result, error) {
	return e.builder.Load(ctx, name, e.wanted())
}

// single is the error of an image that was alone, rather than that of one of one.
func single(err error, images int) error {
	var failures *each.Failures
	if images == 1 && errors.As(err, &failures) {
		return failures.Errs[0]
	}
	return err
}

func printResults(w io.Writer, results []build.Result) {
	for _, r := range results {
		how := string(r.How)
		switch {
		case r.Before == r.ID:
			how += " again, same image ID"
		case r.Before != "":
			how += " again, image ID was " + r.Before
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Image, r.Name[strings.LastIndex(r.Name, ":")+1:], r.ID, how)
	}
}
