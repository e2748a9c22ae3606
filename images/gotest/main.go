// Gotest is the job binary that runs the Go tests of a checkout.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/checkcmd"
)

func main() { cli.Main(checkcmd.GoTest) }
