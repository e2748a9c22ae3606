package imagecmd

import (
	"context"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/image/build"
)

func imageBuild(env cli.Env) *cobra.Command {
	e := engine{env: env}
	var anew bool
	c := &cobra.Command{
		Use: "build NAME...", Short: "Build images that are not here yet, after the images they stand on",
		Long: `Build images that are not here yet, after the images they stand on.

An image is built from its tracked files, and from what those decide: a compiled Go
program, locked Debian packages, Go's tools. Nothing else goes in, and RUN has no
network. When it is complete it is in podman's storage as PREFIX/NAME:TAG and as
PREFIX/NAME:latest; for another architecture than this machine's, as
PREFIX/NAME:TAG-ARCH only. A build that fails leaves no tag and nothing else.

Printed are the image's name, its tag, its image ID, and whether it was there. The
image ID is podman's: the sha256 of the image's configuration, which names all its
uncompressed bytes. Images that it stands on are pulled or built if they are not
here. NAME may be a folder, for all images below it; "_" may stand for "/".`,
		Example: `  slipway image build daisy-builder
  slipway image build --rebuild debian
  slipway image build --all --jobs 4`,
		RunE: func(c *cobra.Command, args []string) error {
			return e.each(c.Context(), args, func(ctx context.Context, name string) (build.Result, error) {
				return e.builder.Build(ctx, name, e.wanted(), anew)
			})
		},
	}
	e.add(c.Flags())
	c.Flags().BoolVar(&anew, "rebuild", false, "build although the image is here, and tell whether its image ID is the same")
	return c
}
