// Promoter is the job binary that moves channels, audits them and adds evidence.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/promotecmd"
)

func main() { cli.Main(promotecmd.Promoter) }
