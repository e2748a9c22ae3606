// Package flowcmd makes the commands of flows: slipway flow VERB.
//
// A flow is run here through `slipway job run`, one stage after the other, so that
// what runs is the very job that Prow would run.
package flowcmd

import (
	"cmp"
	"context"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/image"
	"slipway.dev/slipway/prow/flow"
	"slipway.dev/slipway/prow/jobcmd"
)

// Group is the noun flow with its verbs.
func Group(env cli.Env, images jobcmd.OpenImages) *cobra.Command {
	return group(env, func(ctx context.Context, env cli.Env) int {
		return cli.Run(ctx, env, jobcmd.Group(env, images))
	})
}

// runJob runs `slipway job` with env's arguments.
type runJob func(ctx context.Context, env cli.Env) (exitCode int)

func group(env cli.Env, job runJob) *cobra.Command {
	return cli.Group("flow", "Flows: graphs of builds, for each track; list them, show one, run one here",
		flowList(env), flowShow(env), flowRun(env, job))
}

// source says where flows are.
type source struct{ flows string }

func (s *source) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&s.flows, "flows", "", "folder of flows (default: config/flows of the checkout around the working folder)")
}

func (s source) load() ([]*flow.Project, error) {
	checkout, err := image.FindCheckout(".")
	if err != nil {
		checkout = "."
	}
	return flow.LoadFolder(cmp.Or(s.flows, filepath.Join(checkout, "config", "flows")))
}

// find is the flow that a person names.
func (s source) find(name string) (flow.Graph, error) {
	projects, err := s.load()
	if err != nil {
		return flow.Graph{}, err
	}
	g, err := flow.Find(projects, name)
	if err != nil {
		return g, &cli.UsageError{Err: err}
	}
	return g, nil
}

// oneFlow takes just one flow's name.
func oneFlow(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return cli.Misuse("name one flow; `slipway flow list` shows all")
	}
	return nil
}
