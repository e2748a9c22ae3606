// Openqa-tester is the job binary that has an openQA run a suite on a disk.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/openqacmd"
)

func main() { cli.Main(openqacmd.Tester) }
