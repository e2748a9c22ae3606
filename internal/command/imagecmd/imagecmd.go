// Package imagecmd makes the commands of job images: slipway image VERB.
//
// They are a package of their own because images need podman and registries, which
// the commands of packages and releases, and so the job binaries, need not link.
package imagecmd

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/image"
)

// Group is the noun image with its verbs.
func Group(env cli.Env) *cobra.Command {
	return cli.Group("image", "Job images named by their content: list, build, load, push and verify them",
		imageList(env),
		imageTag(env),
		imageGraph(env),
		imageBuild(env),
		imageLoad(env),
		imagePush(env),
		imageVerify(env),
		lockCommand(env),
	)
}

// treeFlags say which tree of images a command works on.
type treeFlags struct {
	checkout  string
	folder    string
	canonical string
	arguments map[string]string
}

func (f *treeFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.checkout, "checkout", "", "the git checkout that holds the images (default: the one around the working folder)")
	flags.StringVar(&f.folder, "images", "images", "the images' folder, from the checkout; each folder below it with a Dockerfile is an image")
	flags.StringVar(&f.canonical, "canonical", image.Canonical, "what Dockerfiles call the images: PREFIX/NAME")
	flags.StringToStringVar(&f.arguments, "build-arg", nil, "a build argument, NAME=VALUE, for every Dockerfile; tags cover it")
}

// open reads which images there are.
func (f *treeFlags) open(ctx context.Context) (*image.Tree, error) {
	checkout, err := filepath.Abs(f.checkout)
	if err == nil && f.checkout == "" {
		checkout, err = image.FindCheckout(".")
	}
	if err != nil {
		return nil, cli.Misuse("%w; name one with --checkout", err)
	}
	return image.Open(ctx, image.Config{
		Checkout: checkout, Folder: f.folder, Canonical: f.canonical, Arguments: f.arguments,
	})
}

// misnamed makes a misuse of an image's name that a person typed wrongly.
func misnamed(err error) error {
	if _, unknown := errors.AsType[*image.UnknownError](err); unknown {
		return &cli.UsageError{Err: err}
	}
	return err
}

// oneName takes just one image's name.
func oneName(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return cli.Misuse("name one image; `%s list` lists them", c.Parent().CommandPath())
	}
	return nil
}
