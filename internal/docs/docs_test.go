// Package docs runs what the documentation shows.
//
// A page whose commands are in blocks marked `sh` is a promise to a newcomer: each
// block is run, in the order of the page, in a fresh clone, and has to succeed.
package docs

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// tasks are the pages that must have commands.
var tasks = []string{
	"packagebuild-by-hand.md", "change-packagebuild.md", "run-jobs.md", "release-by-hand.md",
	"change-daisy-builder.md", "change-jobs.md", "find-things.md", "images.md",
	"prow.md", "check-config.md", "flows.md",
	"disk.md", "vm.md", "openqa.md", "tast.md",
	"evidence.md", "promote.md", "chat-ops.md", "rollback.md", "retention.md",
}

func TestCommands(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "docs" {
		t.Skip("the pages build images and run jobs, which takes minutes; run: make e2e-docs")
	}
	need.Root(t)
	need.Tool(t, "podman", "podman")
	need.Tool(t, "mmdebstrap", "mmdebstrap")
	need.Tool(t, "docker-registry", "docker-registry")
	need.Tool(t, "skopeo", "skopeo")
	for _, page := range tasks {
		t.Run(strings.TrimSuffix(page, ".md"), func(t *testing.T) {
			blocks := read(t, filepath.Join("..", "..", "docs", page))
			if len(blocks) == 0 {
				t.Fatalf("docs/%s shows no command", page)
			}
			clone := clone(t)
			for _, block := range blocks {
				run(t, clone, page, block)
			}
		})
	}
}

// block is the text of one fenced block, and the line of the page where it begins.
type block struct {
	line int
	text string
}

// read returns the blocks of a page that are marked sh.
func read(t *testing.T, page string) []block {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	inside := false
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		switch line := lines.Text(); {
		case !inside && line == "```sh":
			inside = true
			blocks = append(blocks, block{line: n + 1})
		case inside && line == "```":
			inside = false
		case inside:
			blocks[len(blocks)-1].text += line + "\n"
		}
	}
	if inside {
		t.Fatalf("%s: the last block does not end", page)
	}
	return blocks
}

// clone makes a checkout as a newcomer has it, of the files as they are now.
func clone(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "slipway")
	script := `
		mkdir -p "$1"
		git ls-files -z --cached --others --exclude-standard --deduplicate | while IFS= read -r -d '' f; do [ ! -e "$f" ] || printf '%s\0' "$f"; done |
			tar --null --files-from=- --create | tar --extract --directory "$1"
		cd "$1"
		git init -q -b main
		git add -A
		git commit -q -m "Import"`
	shell(t, filepath.Join("..", ".."), script, dir)
	return dir
}

func run(t *testing.T, dir, page string, b block) {
	t.Helper()
	t.Logf("docs/%s:%d\n%s", page, b.line, b.text)
	shell(t, dir, b.text, page)
}

// shell runs a script with bash, and fails the test with what it said if it fails.
func shell(t *testing.T, dir, script, argument string) {
	t.Helper()
	var said bytes.Buffer
	err := exec.Run(t.Context(), exec.Cmd{
		Args: []string{"bash", "-euo", "pipefail", "-c", script, "docs", argument}, Dir: dir, Env: environment(),
		Stdout: &said, Stderr: &said,
	})
	if err != nil {
		t.Fatalf("%s\n%s", err, said.String())
	}
	t.Log(said.String())
}

// environment is a user's, who has told git who commits.
func environment() []string {
	env := os.Environ()
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		env = append(env, fmt.Sprintf("GIT_%s_NAME=Maintainer", who), fmt.Sprintf("GIT_%s_EMAIL=maintainer@example.com", who))
	}
	return env
}
