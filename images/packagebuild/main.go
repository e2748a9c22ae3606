// Packagebuild is the job binary that builds a source tree's packages.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
)

func main() { cli.Main(command.Packagebuild) }
