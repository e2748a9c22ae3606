// Container-tester is the job binary that starts guest containers and tests them.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/containercmd"
)

func main() { cli.Main(containercmd.Tester) }
