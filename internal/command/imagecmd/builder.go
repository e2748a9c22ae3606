package imagecmd

import (
	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
)

// ImageBuilder is the job binary that builds and pushes images: the verbs of
// `slipway image`, in the checkout that Prow made.
func ImageBuilder(env cli.Env) *cobra.Command {
	builder := Group(env)
	builder.Use = "image-builder"
	return builder
}
