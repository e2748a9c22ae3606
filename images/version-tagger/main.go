// Version-tagger is the job binary that tags a merged commit with its version.
package main

import (
	_ "golang.org/x/crypto/x509roots/fallback" // the image has no certificates of its own

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
)

func main() { cli.Main(command.VersionTagger) }
