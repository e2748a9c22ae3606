// Pod-utilities is Prow's clonerefs, initupload, entrypoint and sidecar in one.
package main

import (
	"os"

	"slipway.dev/slipway/prow/podutils"
)

func main() {
	os.Exit(podutils.Run(os.Args, os.LookupEnv)) //nolint:forbidigo // entrypoint owns its signals, and exits with its command's code
}
