package imagecmd

import (
	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
)

func imageLoad(env cli.Env) *cobra.Command {
	e := engine{env: env}
	c := &cobra.Command{
		Use: "load NAME...", Short: "Make images be in podman's storage: they are, or they are pulled, or built",
		Long: `Make images be in podman's storage: they are, or they are pulled, or built.

An image that is not here is pulled from the remote prefix, if there is one. Only if
the registry answers that it has no such tag is the image built. A registry that is
down, refuses, stalls or sends wrong bytes is an error, and nothing is loaded.
Afterwards PREFIX/NAME:latest names the image of the checkout's tag.`,
		Example: `  slipway image load daisy-builder
  slipway image load --all
  slipway image load --remote registry.example/images --arch aarch64 version-tagger`,
		RunE: func(c *cobra.Command, args []string) error {
			return e.each(c.Context(), args, e.load)
		},
	}
	e.add(c.Flags())
	return c
}
