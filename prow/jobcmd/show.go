package jobcmd

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
)

func jobShow(env cli.Env, w world) *cobra.Command {
	var (
		ask    request
		format command.Form
	)
	c := &cobra.Command{
		Use: "show JOB", Short: "Show what a run of a job would do: ProwJob, pod, and what differs here", Args: oneJob,
		Long: `Show what a run of a job would do, as documents that kubectl reads: the ProwJob,
the pod as Prow would hand it to a cluster, the pod as it runs on this machine,
and each field that differs with the reason. Nothing is written, built or loaded;
the values of secrets are not shown.`,
		Example: `  slipway job show hello-guest-packagebuild-deb12
  slipway job show hello-guest-build --repo ../hello-guest --volume store=out/store --volume cache=out/cache`,
		RunE: func(c *cobra.Command, args []string) error { return show(c, args, env, w, &ask, format) },
	}
	ask.addFlags(c.Flags())
	command.FormFlag(c.Flags(), &format)
	return c
}

func show(c *cobra.Command, args []string, env cli.Env, w world, ask *request, format command.Form) error {
	return withScratch(func(scratch string) error {
		p, err := ask.plan(c, args, w, true, scratch, sayTo(env))
		if err != nil {
			return err
		}
		text, err := p.YAML()
		if err != nil {
			return err
		}
		return command.Show(env.Stdout, format, p.Show(), func(w io.Writer) { fmt.Fprint(w, text) })
	})
}

func sayTo(env cli.Env) func(string) {
	return func(message string) { fmt.Fprintln(env.Stderr, message) }
}
