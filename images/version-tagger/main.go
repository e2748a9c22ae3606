// Version-tagger is the job binary that tags a merged commit with its version.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
)

func main() { cli.Main(command.VersionTagger) }
