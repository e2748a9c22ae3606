package jobcmd

import (
	"cmp"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/image"
	"slipway.dev/slipway/prow/flow"
)

func jobGenerate(env cli.Env) *cobra.Command {
	var (
		check    bool
		checkout string
		format   command.Form
	)
	c := &cobra.Command{
		Use: "generate", Short: "Write the jobs that config/flows gives, or check that they are fresh", Args: cli.NoArgs,
		Long: `Write the jobs that config/flows gives into jobs/, and remove generated files whose
flow is gone. The same flows give the same bytes. With --check nothing is written,
and a file that is not fresh is a failure.`,
		Example: `  slipway job generate
  slipway job generate --check`,
		RunE: func(c *cobra.Command, _ []string) error {
			found, err := image.FindCheckout(".")
			if err != nil && checkout == "" {
				return err
			}
			folder := cmp.Or(checkout, found)
			changes, err := flow.Stale(c.Context(), folder)
			if err != nil {
				return err
			}
			if !check {
				err = flow.Apply(folder, changes)
			} else if len(changes) > 0 {
				err = fmt.Errorf("%d generated files are not fresh; run `slipway job generate` and commit what it changes", len(changes))
			}
			if shown := showChanges(env, format, changes, check || err != nil); shown != nil {
				return shown
			}
			return err
		},
	}
	c.Flags().BoolVar(&check, "check", false, "write nothing, and fail if something is not fresh")
	c.Flags().StringVar(&checkout, "checkout", "", "the checkout that holds config/flows and jobs (default: the one around the working folder)")
	command.FormFlag(c.Flags(), &format)
	return c
}

func showChanges(env cli.Env, format command.Form, changes []flow.Change, only bool) error {
	if changes == nil {
		changes = []flow.Change{}
	}
	return command.Show(env.Stdout, format, changes, func(w io.Writer) {
		for _, change := range changes {
			if only {
				fmt.Fprintf(w, "%s\t%s\n", change.Path, change.Why)
			} else {
				fmt.Fprintf(w, "%s\twas changed: it %s\n", change.Path, change.Why)
			}
		}
	})
}
