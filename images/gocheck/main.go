// Gocheck is the job binary that checks the style and the sense of Go code.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/checkcmd"
)

func main() { cli.Main(checkcmd.GoCheck) }
