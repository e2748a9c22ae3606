// Pod-utilities is the image's program with the ferry.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"slipway.dev/slipway/prow/local/ferry"
	"slipway.dev/slipway/prow/podutils"
)

func main() {
	args := os.Args
	if filepath.Base(args[0]) != "ferry" && len(args) > 1 {
		args = args[1:]
	}
	if filepath.Base(args[0]) != "ferry" {
		os.Exit(podutils.Run(os.Args, os.LookupEnv))
	}
	if err := ferry.Run(context.Background(), args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
