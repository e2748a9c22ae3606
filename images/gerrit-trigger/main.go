// Gerrit-trigger is the component of Prow that starts presubmits by votes on Gerrit's changes.
package main

import (
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/prow/gerrit/gerritcmd"
)

func main() { cli.Main(gerritcmd.Command) }
