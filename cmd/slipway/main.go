// Slipway is the one command for people; see `slipway --help`.
package main

import (
	"context"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/command/containercmd"
	"slipway.dev/slipway/internal/command/diskcmd"
	"slipway.dev/slipway/internal/command/imagecmd"
	"slipway.dev/slipway/internal/command/imagecmd/releasecmd"
	"slipway.dev/slipway/internal/command/openqacmd"
	"slipway.dev/slipway/internal/command/promotecmd"
	"slipway.dev/slipway/internal/command/tastcmd"
	"slipway.dev/slipway/internal/command/vmcmd"
	"slipway.dev/slipway/prow/configcmd"
	"slipway.dev/slipway/prow/flowcmd"
	"slipway.dev/slipway/prow/jobcmd"
)

func main() { cli.Main(slipway) }

// slipway adds to the nouns that job binaries have too those that need podman,
// registries or Prow, which no job binary links.
func slipway(env cli.Env) *cobra.Command {
	root := command.Slipway(env)
	images := func(ctx context.Context, _ func(string)) (jobcmd.Images, error) { return imagecmd.OpenLocal(ctx, env) }
	image := imagecmd.Group(env)
	image.AddCommand(releasecmd.Release(env)) // it moves a channel, which image-builder cannot
	root.AddCommand(image, jobcmd.Group(env, images), flowcmd.Group(env, images))
	root.AddCommand(configcmd.Group(env), diskcmd.Group(env), vmcmd.Group(env), containercmd.Group(env), openqacmd.Group(env), tastcmd.Group(env))
	root.AddCommand(promotecmd.Groups(env)...)
	return root
}
