// Disk-builder is the job binary that makes bootable disks of OS images.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/diskcmd"
)

func main() { cli.Main(diskcmd.DiskBuilder) }
