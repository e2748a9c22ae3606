package gotools

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/exec"
)

// access are the settings that say where modules and caches are and how to reach
// them. They are the machine's own business and change no byte of what comes out.
var access = []string{
	"GOPROXY", "GOPRIVATE", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOVCS", "GOAUTH", "GOMODCACHE", "GOCACHE",
}

// environment is the one in which Go gives the same bytes on every machine: of the
// machine's settings, by variables or by `go env -w`, it has only those for access.
func environment(ctx context.Context, more ...string) ([]string, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return nil, fmt.Errorf("go is not installed; see https://go.dev/doc/install")
	}
	out, err := exec.Output(ctx, exec.Cmd{Args: append([]string{"go", "env", "-json"}, access...), Dir: os.TempDir()})
	if err != nil {
		return nil, err
	}
	var settings map[string]string
	if err := json.Unmarshal(out, &settings); err != nil {
		return nil, fmt.Errorf("read go env: %w", err)
	}
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "GO") || strings.HasPrefix(entry, "CGO_")
	})
	for _, name := range access {
		env = append(env, name+"="+settings[name])
	}
	env = append(env, "GOENV=off", "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	return append(env, more...), nil
}
