package image

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// checkout is a real git checkout that a test changes.
type checkout struct {
	t   testing.TB
	dir string
}

// newCheckout tracks files (path → content). A content of "#!..." is executable.
func newCheckout(t testing.TB, files map[string]string) *checkout {
	t.Helper()
	need.Tool(t, "git", "git")
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	c := &checkout{t, filepath.Join(t.TempDir(), "checkout")}
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c.git("init", "--quiet", "--initial-branch=main")
	c.git("config", "user.name", "Tester")
	c.git("config", "user.email", "tester@example.com")
	for name, content := range files {
		c.write(name, content)
	}
	c.track()
	return c
}

func (c *checkout) git(args ...string) {
	c.t.Helper()
	c.run(append([]string{"git", "-c", "protocol.file.allow=always"}, args...)...)
}

func (c *checkout) run(args ...string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := exec.Output(ctx, exec.Cmd{Args: args, Dir: c.dir}); err != nil {
		c.t.Fatal(err)
	}
}

// track commits everything.
func (c *checkout) track() {
	c.t.Helper()
	c.git("add", "--all", "--force")
	c.git("commit", "--quiet", "--allow-empty", "--message", "A commit")
}

func (c *checkout) path(name string) string { return filepath.Join(c.dir, name) }

func (c *checkout) write(name, content string) {
	c.t.Helper()
	c.must(os.MkdirAll(filepath.Dir(c.path(name)), 0o755))
	c.must(os.WriteFile(c.path(name), []byte(content), 0o644))
	if strings.HasPrefix(content, "#!") {
		c.must(os.Chmod(c.path(name), 0o755))
	}
}

func (c *checkout) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *checkout) open() *Tree {
	c.t.Helper()
	tree, err := Open(c.t.Context(), Config{Checkout: c.dir})
	c.must(err)
	return tree
}

func (c *checkout) tag(name string) string {
	c.t.Helper()
	tag, err := c.open().Tag(name)
	c.must(err)
	return tag
}
