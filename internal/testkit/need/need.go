// Package need says what a test needs of the machine.
//
// A machine without a tool skips the test and is told what would install it; in
// CI, which has every tool, a missing one is a failure.
package need

import (
	"os"
	"testing"

	"slipway.dev/slipway/internal/exec"
)

// Tool skips the test if program is not in PATH; debianPackage provides it.
func Tool(t testing.TB, program, debianPackage string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		missing(t, program+" is not installed; run: apt-get install --no-install-recommends "+debianPackage)
	}
}

// Root skips the test if it does not run as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "clean roots need root; run the tests as root")
	}
}

func missing(t testing.TB, message string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(message)
	}
	t.Skip(message)
}
