// Tast-tester is the job binary that runs Tast on a device.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/tastcmd"
)

func main() { cli.Main(tastcmd.Tester) }
