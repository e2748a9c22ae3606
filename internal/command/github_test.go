package command

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/testkit/github"
	"slipway.dev/slipway/internal/testkit/gitrepo"
)

// run runs a command in this process, with nothing in its environment.
func run(t *testing.T, newCommand func(cli.Env) *cobra.Command, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, said bytes.Buffer
	env := cli.Env{Args: args, Stdout: &out, Stderr: &said, Getenv: func(string) string { return "" }}
	code = cli.Run(t.Context(), env, newCommand(env))
	return code, out.String(), said.String()
}

// TestGitHub claims and tags through GitHub's API what git fetches.
func TestGitHub(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	repo := gitrepo.New(t)
	commit := repo.Commit(t, map[string]string{"README": "hello"})
	server := github.New(t)
	tokens := map[string]string{}
	for name, scope := range map[string]github.Scope{"writer": github.ReadWrite, "reader": github.ReadOnly, "revoked": github.Revoked} {
		secret := "ghp_" + name
		server.AddToken("bot", secret, scope)
		tokens[name] = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(tokens[name], []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	org := filepath.Base(filepath.Dir(repo.Dir)) // the last two elements of the URL count
	if _, err := server.AddRepo(org, "remote", github.Options{GitDir: repo.Dir}); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(t.TempDir(), "store")
	tagger := []string{"--commit", commit, "--store", store}
	tests := []struct {
		name           string
		newCommand     func(cli.Env) *cobra.Command
		args           []string
		token          string
		code           int
		stdout, stderr string // regular expressions
	}{
		{"next", Slipway, []string{"version", "next"}, "reader", 0, `^\d{8}\.00\n$`, `^$`},
		{"a revoked token", Slipway, []string{"version", "next"}, "revoked", 1, `^$`, `the token is wrong or has expired`},
		{"a claim that may only read", Slipway, []string{"version", "claim", "--commit", commit}, "reader", 1, `^$`, `give the token write access`},
		{"tag", VersionTagger, tagger, "writer", 0, `version +\d{8}\.00`, `tagged commit ` + commit},
		{"tag again", VersionTagger, tagger, "writer", 0, `released already as \d{8}\.00`, `^$`},
		{"list", Slipway, []string{"version", "list"}, "reader", 0, `^\d{8}\.00 `, `^$`},
	}
	for _, tt := range tests {
		args := append(tt.args, "--repo", repo.URL, "--github-api", server.URL()+"/api/v3", "--github-token-file", tokens[tt.token])
		code, stdout, stderr := run(t, tt.newCommand, args...)
		if code != tt.code || !regexp.MustCompile(tt.stdout).MatchString(stdout) || !regexp.MustCompile(tt.stderr).MatchString(stderr) {
			t.Errorf("%s: got exit code %d, stdout %q, stderr %q; want %d, %s, %s", tt.name, code, stdout, stderr, tt.code, tt.stdout, tt.stderr)
		}
		if strings.Contains(stdout+stderr, "ghp_") {
			t.Errorf("%s: the token is told: %s%s", tt.name, stdout, stderr)
		}
	}
	if got := repo.Git("for-each-ref", "--format=%(*objectname) %(refname)", "refs/tags", "refs/slipway"); !regexp.MustCompile(`^` + commit + ` refs/tags/\d{8}\.00$`).MatchString(got) {
		t.Errorf("got refs %q, want one annotated tag of %s", got, commit)
	}
}
