package checkcmd

import (
	"context"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/checks/gocheck"
	"slipway.dev/slipway/internal/checks/pycheck"
	"slipway.dev/slipway/internal/cli"
)

// GoCheck is the job binary that checks the style and the sense of Go code.
func GoCheck(env cli.Env) *cobra.Command {
	k := checker{
		defaults: gocheck.Defaults,
		all:      gocheck.Checkout{}.Checks(),
		open: func(ctx context.Context, job checks.Job) ([]checks.Check, error) {
			checkout, err := gocheck.Open(ctx, job)
			return checkout.Checks(), err
		},
	}
	return k.command(env, &cobra.Command{
		Use: "gocheck", Short: "Check the style and the sense of Go code",
		Long: `Check every module of a checkout: gofmt of the files that git tracks (generated
and vendored ones are left alone), go vet, and staticcheck with the repository's
staticcheck.conf. tidy, which is not run unless named, wants go.mod to be what
go mod tidy makes of it.

Each check writes junit_gocheck_CHECK.xml with a case for each package; what
gofmt would change is in gofmt.diff too.`,
		Example: `  gocheck
  gocheck --checks gofmt,vet,tidy --output out`,
	})
}

// PyCheck is the job binary that checks Python code.
func PyCheck(env cli.Env) *cobra.Command {
	k := checker{
		defaults: pycheck.Defaults,
		all:      pycheck.Checkout{}.Checks(),
		open: func(ctx context.Context, job checks.Job) ([]checks.Check, error) {
			checkout, err := pycheck.Open(ctx, job)
			return checkout.Checks(), err
		},
	}
	return k.command(env, &cobra.Command{
		Use: "pycheck", Short: "Check Python code",
		Long: `Check the Python files of a checkout, *.py and scripts for python3: that they
compile, what flake8 says with the repository's own configuration, and that the
tests pass, by pytest if it is installed and by unittest if not.

Each check writes junit_pycheck_CHECK.xml. What the tests print is in pytest.log.`,
		Example: `  pycheck
  pycheck --checks compile,flake8 --output out`,
	})
}
