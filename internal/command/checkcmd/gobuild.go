package checkcmd

import (
	"context"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/checks/gobuild"
	"slipway.dev/slipway/internal/cli"
)

// GoBuild is the job binary that builds Go code.
func GoBuild(env cli.Env) *cobra.Command {
	var (
		common    common
		opts      gobuild.Options
		platforms []string
	)
	c := &cobra.Command{
		Use: "gobuild [flags] [-- FLAG...]", Short: "Build the Go packages of a checkout for several platforms", Args: afterDashes,
		Long: `Build all packages of every module of a checkout for several platforms.

junit_gobuild.xml has a case for each platform. With --output-binaries the
programs are in bin/OS_ARCH/, those of a module in a folder below a folder of that
name; programs of one name are called by their whole import paths. What follows
-- is handed to go build.`,
		Example: `  gobuild
  gobuild --platforms linux/amd64,linux/arm64,windows/amd64 --output-binaries --output out -- -ldflags '-s -w'`,
		RunE: func(c *cobra.Command, args []string) error {
			opts.Flags = args
			if err := parsePlatforms(&opts, platforms); err != nil {
				return err
			}
			return common.do(c.Context(), env, func(ctx context.Context, job checks.Job) error {
				if opts.Binaries && job.Output == "" {
					return cli.Misuse("--output-binaries needs --output or $ARTIFACTS; name a folder")
				}
				return gobuild.Run(ctx, job, opts)
			})
		},
	}
	flags := c.Flags()
	common.addFlags(flags)
	flags.StringSliceVar(&platforms, "platforms", []string{"linux/amd64", "windows/amd64"}, "the platforms to build for, as OS/ARCH")
	flags.BoolVar(&opts.Cgo, "cgo", false, "build with C code too; needs a C compiler for each platform")
	flags.BoolVar(&opts.Binaries, "output-binaries", false, "write the programs into bin/OS_ARCH/ of the output")
	return c
}

func parsePlatforms(opts *gobuild.Options, texts []string) error {
	if len(texts) == 0 {
		return cli.Misuse("--platforms names none; name OS/ARCH, such as linux/arm64")
	}
	for _, text := range texts {
		p, err := gobuild.ParsePlatform(text)
		if err != nil {
			return cli.Misuse("--platforms: %w", err)
		}
		opts.Platforms = append(opts.Platforms, p)
	}
	return nil
}
