package imagecmd

import (
	"context"

	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/image/build"
)

// Workshop makes a builder of the images of a checkout, with all kinds of inputs, for
// the command that releases one of them. folder and cache are what --images and
// --cache take.
func Workshop(ctx context.Context, env cli.Env, checkout, folder, cache string) (*build.Builder, error) {
	e := engine{env: env}
	e.add(pflag.NewFlagSet("workshop", pflag.ContinueOnError)) // sets the defaults
	e.flags.checkout, e.flags.folder, e.cache = checkout, folder, cache
	return e.builderOf(ctx)
}

func (e *engine) builderOf(ctx context.Context) (*build.Builder, error) {
	err := e.open(ctx)
	return e.builder, err
}
