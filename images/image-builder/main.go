// Image-builder is the job binary that builds and pushes job images.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/imagecmd"
)

func main() { cli.Main(imagecmd.ImageBuilder) }
