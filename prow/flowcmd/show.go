package flowcmd

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/prow/flow"
)

// listed is a flow in a list.
type listed struct {
	Flow    string `json:"flow"`
	Trigger string `json:"trigger"`
	Track   string `json:"track,omitempty"`
	Branch  string `json:"branch"`
	Builds  int    `json:"builds"`
	Here    int    `json:"here"` // builds that can run
}

func flowList(env cli.Env) *cobra.Command {
	var (
		from   source
		format command.Form
	)
	c := &cobra.Command{
		Use: "list", Short: "List all flows: name, trigger, track, branch, builds", Args: cli.NoArgs,
		Example: "  slipway flow list",
		RunE: func(*cobra.Command, []string) error {
			projects, err := from.load()
			if err != nil {
				return err
			}
			flows := []listed{}
			for _, p := range projects {
				graphs, err := p.Graphs()
				if err != nil {
					return err
				}
				for _, g := range graphs {
					flows = append(flows, list(g))
				}
			}
			return command.Show(env.Stdout, format, flows, func(w io.Writer) {
				fmt.Fprintln(w, "FLOW\tTRIGGER\tTRACK\tBRANCH\tBUILDS")
				for _, f := range flows {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d, %d of them here\n", f.Flow, f.Trigger, cmp.Or(f.Track, "-"), f.Branch, f.Builds, f.Here)
				}
			})
		},
	}
	from.addFlags(c.Flags())
	command.FormFlag(c.Flags(), &format)
	return c
}

func list(g flow.Graph) listed {
	l := listed{Flow: g.String(), Trigger: g.Trigger.String(), Branch: g.Branch, Builds: len(g.Nodes)}
	if g.Track != nil {
		l.Track = strings.TrimSpace(strconv.Itoa(g.Track.Number) + " " + g.Track.Name)
	}
	for _, n := range g.Nodes {
		if n.Waits == "" {
			l.Here++
		}
	}
	return l
}

func flowShow(env cli.Env) *cobra.Command {
	var (
		from   source
		format command.Form
	)
	c := &cobra.Command{
		Use: "show FLOW", Short: "Show a flow: its builds in order, after what each comes, and in which job", Args: oneFlow,
		Example: "  slipway flow show crostini-guest/74",
		RunE: func(_ *cobra.Command, args []string) error {
			g, err := from.find(args[0])
			if err != nil {
				return err
			}
			return command.Show(env.Stdout, format, g, func(w io.Writer) { draw(w, g) })
		},
	}
	from.addFlags(c.Flags())
	command.FormFlag(c.Flags(), &format)
	return c
}

func draw(w io.Writer, g flow.Graph) {
	fmt.Fprintln(w, "BUILD\tIDENTITY\tAFTER\tJOB\tSTATE")
	for _, s := range g.Stages {
		for _, n := range g.Nodes {
			if n.Stage != s.Name {
				continue
			}
			state := "here"
			if n.Waits != "" {
				state = notHere(n)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", n.Build, s.Identity, cmp.Or(strings.Join(n.Needs(), " "), "-"), g.JobName(s), state)
		}
	}
}

// notHere is why a build cannot run, in words for people.
func notHere(n flow.Node) string {
	if n.Later() != "" && n.Waits == n.Later() {
		return "not here yet: " + n.Waits
	}
	return n.Waits
}
