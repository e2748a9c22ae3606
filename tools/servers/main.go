// Servers builds the S3 and Google Cloud Storage servers that the tests of
// internal/store run on, so that `make test` does not wait for them in a test.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"slipway.dev/slipway/internal/store/storetest/server"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	for _, program := range []server.Program{server.FakeGCS, server.Minio} {
		fmt.Fprintln(os.Stderr, "building", program.Name(), program.Version, "(minutes, the first time)")
		file, err := program.Install(ctx)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(file)
	}
}
