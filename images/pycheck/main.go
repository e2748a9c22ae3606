// Pycheck is the job binary that checks Python code.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/checkcmd"
)

func main() { cli.Main(checkcmd.PyCheck) }
