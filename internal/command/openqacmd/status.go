package openqacmd

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/openqa"
)

// shown is a job as status shows it.
type shown struct {
	ID          int64           `json:"id"`
	Test        string          `json:"test"`
	State       string          `json:"state"`
	Result      string          `json:"result"`
	Reason      string          `json:"reason,omitempty"`
	RestartedAs int64           `json:"restarted_as,omitempty"`
	Link        string          `json:"link"`
	Modules     []openqa.Module `json:"modules,omitempty"`
}

func status(env cli.Env) *cobra.Command {
	var (
		server server
		form   command.Form
	)
	c := &cobra.Command{
		Use: "status --host URL JOB...", Short: "Show jobs of an openQA", Args: cobra.ArbitraryArgs,
		Long: `Show jobs of an openQA: their state and result, and where people look at them.
It needs no key where openQA shows jobs to everybody, as it does unless told otherwise.`,
		Example: `  slipway openqa status --host https://openqa.example.com 1234 1235
  slipway openqa status --host https://openqa.example.com 1234 --output json`,
		RunE: func(c *cobra.Command, args []string) error {
			ids, err := parseIDs(args)
			if err != nil {
				return err
			}
			client, err := server.open(env, false)
			if err != nil {
				return err
			}
			jobs, err := client.Jobs(c.Context(), ids)
			if err != nil {
				return err
			}
			return show(env.Stdout, form, client, ids, jobs)
		},
	}
	server.addFlags(c.Flags())
	command.FormFlag(c.Flags(), &form)
	return c
}

func parseIDs(args []string) ([]int64, error) {
	if len(args) == 0 {
		return nil, cli.Misuse("name at least one job by its number")
	}
	var ids []int64
	for _, arg := range args {
		id, err := strconv.ParseInt(arg, 10, 64)
		if err != nil || id <= 0 {
			return nil, cli.Misuse("%q is no number of a job; it is the one in its address, /tests/NUMBER", arg)
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func show(w io.Writer, form command.Form, client *openqa.Client, ids []int64, jobs map[int64]openqa.Job) error {
	list := []shown{}
	for _, id := range ids {
		job, found := jobs[id]
		if !found {
			return fmt.Errorf("show job %d: openQA does not have it; look for it at %s", id, client.Link(id))
		}
		list = append(list, shown{id, job.Test, job.State, job.Result, job.Reason, job.CloneID, client.Link(id), job.Modules})
	}
	return command.Show(w, form, list, func(w io.Writer) {
		for _, s := range list {
			note := s.Reason
			if s.RestartedAs != 0 {
				note = fmt.Sprintf("restarted as %d", s.RestartedAs)
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.Test, s.State, cmp.Or(s.Result, "none"), s.Link, note)
		}
	})
}
