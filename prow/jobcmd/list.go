package jobcmd

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
)

func jobList(env cli.Env) *cobra.Command {
	var (
		from   source
		format form
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
			if format == "json" {
				return writeJSON(env.Stdout, jobs)
			}
			table := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "NAME\tTYPE\tREPOSITORY\tBRANCHES\tIMAGE")
			for _, j := range jobs {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", j.Name, j.Type, dash(j.Repository), dash(strings.Join(j.Branches, ",")), shortImage(j.Image))
			}
			return table.Flush()
		},
	}
	from.addFlags(c.Flags())
	format.addFlag(c.Flags())
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

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
