// Package stepcmd makes the job binary that runs around the builds of a flow.
//
// People do not call it: `slipway job generate` writes it into jobs.
package stepcmd

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/flowstep"
	"slipway.dev/slipway/internal/store/storeurl"
)

// FlowStep is the program with its verbs.
func FlowStep(env cli.Env) *cobra.Command {
	return cli.Group("flow-step", "Run a build of a flow in its pod, and carry what it made to the next", run(env), take(env), keep(env))
}

// waitFlags add what is waited for.
func waitFlags(c *cobra.Command, env cli.Env, w *flowstep.Wait) {
	w.Say = func(message string) { fmt.Fprintln(env.Stderr, message) }
	c.Flags().StringVar(&w.Logs, "logs", "/logs", "folder in which Prow's entrypoint marks the containers that have ended")
	c.Flags().StringArrayVar(&w.After, "after", nil, "a container of this pod that must have ended well")
	c.Flags().DurationVar(&w.Deadline, "deadline", 110*time.Minute, "how long to wait for them")
}

func run(env cli.Env) *cobra.Command {
	s := flowstep.Step{Stdout: env.Stdout, Stderr: env.Stderr}
	c := &cobra.Command{
		Use: "run -- COMMAND [ARG...]", Short: "Wait for other containers, run a build, and look at what it made",
		Example: `  flow-step run --after=guest-tools --makes=/logs/artifacts/apt_repo -- apt-repo --out=/logs/artifacts/apt_repo`,
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Misuse("there is nothing to run; write the build's command after --")
			}
			s.Command = args
			err := s.Run(c.Context())
			if code := exec.ExitCode(err); code > 0 { // the build's own, for whoever reads the job
				return &cli.ExitError{Code: code, Err: err}
			}
			return err
		},
	}
	waitFlags(c, env, &s.Wait)
	c.Flags().StringArrayVar(&s.Makes, "makes", nil, "a folder that the build must have filled")
	c.Flags().StringVar(&s.Skip, "skip", "", "a file whose presence says that there is nothing to do")
	c.Flags().StringVar(&s.Dir, "dir", "", "folder to run the build in (default: the working folder)")
	return c
}

// place is whose records are meant, and where.
type place struct{ store, flow, stage string }

func (p *place) addFlags(c *cobra.Command) {
	c.Flags().StringVar(&p.store, "store", "", "the store: a folder, gs:// or s3:// URL")
	c.Flags().StringVar(&p.flow, "flow", "", "the flow: PROJECT/TRACK")
	c.Flags().StringVar(&p.stage, "stage", "", "the stage of the flow that this pod is")
}

func (p *place) open(c *cobra.Command) (flowstep.Flow, error) {
	if p.store == "" || p.flow == "" || p.stage == "" {
		return flowstep.Flow{}, cli.Misuse("--store, --flow and --stage must all be given")
	}
	s, err := storeurl.Open(c.Context(), p.store)
	return flowstep.Flow{Store: s, Name: p.flow}, err
}

func take(env cli.Env) *cobra.Command {
	var (
		from   place
		wants  []string
		folder string
	)
	c := &cobra.Command{
		Use: "take", Short: "Bring what earlier stages left in the store", Args: cli.NoArgs,
		Example: `  flow-step take --store=/store --flow=crostini-guest/74 --stage=apt_signer --take=guest_tools/apt_repo --folder=/flow`,
		RunE: func(c *cobra.Command, _ []string) error {
			flow, err := from.open(c)
			if err != nil {
				return err
			}
			var parsed []flowstep.Want
			for _, text := range wants {
				stage, output, ok := strings.Cut(text, "/")
				if !ok {
					return cli.Misuse("--take %s is not STAGE/OUTPUT", text)
				}
				parsed = append(parsed, flowstep.Want{Stage: stage, Output: output})
			}
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return err
			}
			return flow.Take(c.Context(), from.stage, parsed, folder, func(message string) { fmt.Fprintln(env.Stderr, message) })
		},
	}
	from.addFlags(c)
	c.Flags().StringArrayVar(&wants, "take", nil, "an output of an earlier stage: STAGE/OUTPUT")
	c.Flags().StringVar(&folder, "folder", "/flow", "where to put them")
	return c
}

func keep(env cli.Env) *cobra.Command {
	var (
		to place
		k  flowstep.Keeping
	)
	c := &cobra.Command{
		Use: "keep", Short: "Leave outputs in the store for later stages", Args: cli.NoArgs,
		Example: `  flow-step keep --store=/store --flow=crostini-guest/74 --stage=guest_tools --after=apt-repo --keep=/logs/artifacts/apt_repo`,
		RunE: func(c *cobra.Command, _ []string) error {
			flow, err := to.open(c)
			if err != nil {
				return err
			}
			k.Stage, k.Job, k.BuildID = to.stage, env.Getenv("JOB_NAME"), env.Getenv("BUILD_ID")
			return flow.Keep(c.Context(), k)
		},
	}
	to.addFlags(c)
	waitFlags(c, env, &k.Wait)
	c.Flags().StringArrayVar(&k.Folders, "keep", nil, "folder of an output")
	c.Flags().StringVar(&k.Taken, "taken", "", "folder that take filled, if it did")
	return c
}
