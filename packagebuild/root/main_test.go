package root

import (
	"fmt"
	"os"
	"testing"

	"slipway.dev/slipway/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Enter()
	if dir := os.Getenv(bakeEnv); dir != "" {
		if err := bake(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}
