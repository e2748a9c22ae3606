package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/testkit/need"
)

// TestDemo plays the whole demo twice in one folder.
func TestDemo(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "promotion" {
		t.Skip("building cosign takes minutes; run with SLIPWAY_E2E=promotion")
	}
	for _, tool := range []string{"docker-registry", "podman", "skopeo"} {
		need.Tool(t, tool, tool)
	}
	t.Chdir(t.TempDir()) // so that it is this one again in the end, as the variable is
	t.Setenv("DOCKER_CONFIG", os.Getenv("DOCKER_CONFIG"))
	out := filepath.Join(t.TempDir(), "demo")
	for range 2 {
		var said bytes.Buffer
		env := cli.Env{Stdout: &said, Stderr: &said, Getenv: os.Getenv}
		if err := demo(t.Context(), env, out); err != nil {
			t.Fatalf("%v, after:\n%s", err, &said)
		}
		t.Log(lastLine(said.String()))
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// A folder that no demo made is not removed.
func TestNewFolderKeepsWhatIsNotItsOwn(t *testing.T) {
	need.Tool(t, "podman", "podman")
	path := t.TempDir()
	mine := filepath.Join(path, "mine")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newFolder(t.Context(), path); err == nil || !strings.Contains(err.Error(), "--output") {
		t.Errorf("got %v, want that another folder is to be named", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
}
