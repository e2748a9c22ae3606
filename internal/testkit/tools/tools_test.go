package tools

import (
	"os"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/exec"
)

// TestInstall builds the programs, so that tests which use them need not wait, and
// runs each.
func TestInstall(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "promotion" {
		t.Skip("building cosign takes minutes; run with SLIPWAY_E2E=promotion")
	}
	for _, program := range []struct {
		name    string
		install func(testing.TB) string
	}{{"cosign", Cosign}, {"crane", Crane}, {"regctl", Regctl}} {
		t.Run(program.name, func(t *testing.T) {
			path := program.install(t)
			if err := exec.Run(t.Context(), exec.Cmd{Args: []string{program.name, "version"}, Path: path}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// The programs are those of the Prow that the product is compiled with.
func TestProwIsTheProducts(t *testing.T) {
	mod, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), "\tsigs.k8s.io/prow "+prow+"\n") {
		t.Errorf("go.mod has another version of Prow than %s", prow)
	}
}
