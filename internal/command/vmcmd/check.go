package vmcmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
)

// checked is what --output json prints of a plan.
type checked struct {
	Plan     string   `json:"plan"`
	Firmware []string `json:"firmware"`
	Memory   string   `json:"memory"`
	Tests    []string `json:"tests"`
	Denied   []string `json:"denied,omitempty"` // patterns of tests
}

// Check is `slipway vm check`.
func Check(env cli.Env) *cobra.Command {
	var file, denylist string
	var form command.Form
	c := &cobra.Command{
		Use: "check", Short: "Check a test plan and its denylist", Args: cli.NoArgs,
		Long: `Check a test plan, and the denylist of tests that are known to fail, and boot nothing.

Whatever is wrong is told with its line, all at once; the exit code is 2 then.`,
		Example: "  slipway vm check --plan plan.yaml --denylist denylist.yaml",
		RunE: func(*cobra.Command, []string) error {
			if file == "" {
				return cli.Misuse("--plan is missing; name a test plan (docs/vm-plan.md says what is in it)")
			}
			p, d, err := loadPlan(file, denylist)
			if err != nil {
				return err
			}
			seen := checked{Plan: p.Name, Firmware: p.Machine.Firmware, Memory: p.Machine.Memory.String()}
			for _, test := range p.Tests {
				seen.Tests = append(seen.Tests, test.Name)
			}
			if d != nil {
				for _, entry := range d.Deny {
					seen.Denied = append(seen.Denied, entry.Test)
				}
			}
			return command.Show(env.Stdout, form, seen, func(w io.Writer) {
				fmt.Fprintf(w, "%s: %d tests under %s with %s of memory, %d denied\n", p.Name, len(p.Tests), strings.Join(p.Machine.Firmware, " and "), seen.Memory, len(seen.Denied))
			})
		},
	}
	c.Flags().StringVar(&file, "plan", "", "the test plan")
	c.Flags().StringVar(&denylist, "denylist", "", "tests that are known to fail")
	command.FormFlag(c.Flags(), &form)
	return c
}
