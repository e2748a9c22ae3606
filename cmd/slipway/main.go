// Slipway is the one command for people; see `slipway --help`.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
)

func main() { cli.Main(command.Slipway) }
