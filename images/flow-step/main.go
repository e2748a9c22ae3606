// Flow-step is the job binary around each build of a flow.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/stepcmd"
)

func main() { cli.Main(stepcmd.FlowStep) }
