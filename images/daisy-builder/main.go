// Daisy-builder is the job binary that releases a merged commit.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
)

func main() { cli.Main(command.DaisyBuilder) }
