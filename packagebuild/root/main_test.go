package root

import (
	"os"
	"testing"

	"slipway.dev/slipway/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Enter()
	os.Exit(m.Run())
}
