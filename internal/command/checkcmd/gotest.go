package checkcmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/checks/gotest"
	"slipway.dev/slipway/internal/cli"
)

// GoTest is the job binary that runs Go tests.
func GoTest(env cli.Env) *cobra.Command {
	var (
		common common
		opts   gotest.Options
	)
	c := &cobra.Command{
		Use: "gotest [flags] [-- FLAG...]", Short: "Run the Go tests of a checkout", Args: afterDashes,
		Long: `Run the tests of every module of a checkout and say which failed, and where.

Written are junit_gotest.xml with a case for each test, gotest.log with all that
the tests printed, and the coverage: coverage.out as go test writes it,
filtered.cov without generated files, coverage.html and coverage.txt with the
total. Those of a module in a folder are in a folder of that name. What follows
-- is handed to go test.`,
		Example: `  gotest
  gotest --race --timeout 5m --output out -- -short -run 'TestParse|TestWrite'`,
		RunE: func(c *cobra.Command, args []string) error {
			if opts.Timeout <= 0 {
				return cli.Misuse("--timeout %s is no time to run in", opts.Timeout)
			}
			opts.Flags = args
			return common.do(c.Context(), env, func(ctx context.Context, job checks.Job) error {
				return gotest.Run(ctx, job, opts)
			})
		},
	}
	flags := c.Flags()
	common.addFlags(flags)
	flags.StringSliceVar(&opts.Packages, "packages", []string{"./..."}, "the packages to test, as patterns in each module")
	flags.BoolVar(&opts.Race, "race", false, "look for data races; needs a C compiler")
	flags.BoolVar(&opts.Cover, "cover", true, "measure which statements the tests reach")
	flags.DurationVar(&opts.Timeout, "timeout", 10*time.Minute, "bound of one package's tests")
	return c
}
