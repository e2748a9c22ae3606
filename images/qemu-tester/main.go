// Qemu-tester is the job binary that boots a disk and tests what boots.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/vmcmd"
)

func main() { cli.Main(vmcmd.QemuTester) }
