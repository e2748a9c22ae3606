package sandbox

import (
	"testing"

	"slipway.dev/slipway/internal/testkit/need"
)

// BenchmarkRun is what a sandbox adds to running a program.
func BenchmarkRun(b *testing.B) {
	need.Root(b)
	for _, network := range []bool{false, true} {
		name := "network=off"
		if network {
			name = "network=on"
		}
		b.Run(name, func(b *testing.B) {
			c := Config{Lower: []string{"/"}, Work: b.TempDir(), Network: network, Args: []string{"/bin/true"}}
			for b.Loop() {
				if err := Run(b.Context(), c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
