// Gobuild is the job binary that builds the Go packages of a checkout.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/checkcmd"
)

func main() { cli.Main(checkcmd.GoBuild) }
