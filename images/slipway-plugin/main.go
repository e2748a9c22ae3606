// Slipway-plugin serves Slipway's plugins to Prow's hook.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/prow/plugincmd"
)

func main() { cli.Main(plugincmd.Command) }
