package jobcmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
)

func jobList(env cli.Env) *cobra.Command {
	var (
		from   source
		format command.Form
	)
	c := &cobra.Command{
		Use: "list", Short: "List all jobs: name, type, repository, branches, image", Args: cli.NoArgs,
		Example: `  slipway job list
  slipway job list --config config.yaml --job-config jobs --output json`,
		RunE: func(*cobra.Command, []string) error {
			jobs, err := from.load()
			if err != nil {
				return err
			}
			return command.Show(env.Stdout, format, jobs, func(w io.Writer) {
				fmt.Fprintln(w, "NAME\tTYPE\tREPOSITORY\tBRANCHES\tIMAGE")
				for _, j := range jobs {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", j.Name, j.Type, dash(j.Repository), dash(strings.Join(j.Branches, ",")), shortImage(j.Image))
				}
			})
		},
	}
	from.addFlags(c.Flags())
	command.FormFlag(c.Flags(), &format)
	return c
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// shortImage leaves out a digest, which says nothing to people.
func shortImage(reference string) string {
	name, _, _ := strings.Cut(reference, "@")
	return dash(name)
}
