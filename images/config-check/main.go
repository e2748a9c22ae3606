// Config-check is the job binary that holds config/ and jobs/ to all rules.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/prow/configcmd"
)

func main() { cli.Main(configcmd.Job) }
