// Os-image-builder is the job binary that takes a merged commit's image into its entry channel.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/imagecmd/releasecmd"
)

func main() { cli.Main(releasecmd.OSImageBuilder) }
