// Package vmcmd makes the commands that boot virtual machines: slipway vm, and the job
// binary qemu-tester.
//
// A machine is of internal/qemu, what is expected of it of internal/guest/plan, and how
// it went is told by internal/guest/report; here they meet the store and a person. A run
// that was cut short, or that this machine broke, is no verdict: it leaves what was seen
// until then, and files no evidence.
package vmcmd

import (
	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
)

// Group is `slipway vm`.
func Group(env cli.Env) *cobra.Command {
	return cli.Group("vm", "Boot disks, and test what boots", Test(env), Boot(env), Check(env))
}
