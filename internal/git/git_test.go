package git

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/testkit/need"
)

func TestShown(t *testing.T) {
	tests := map[string]string{
		"https://host/org/name":                      "https://host/org/name",
		"https://user:secret@host/org/name":          "https://host/org/name",
		"https://ghp_secret@host/org/name":           "https://host/org/name",
		"https://user:s%zzsecret@host/x":             "https://host/x",
		"fatal: 'https://secret@host/x' not found":   "fatal: 'https://host/x' not found",
		"https://user:sec@ret@host/x":                "https://host/x",
		"ssh://git:secret@host/x":                    "ssh://git@host/x",
		"git@host:org/name.git":                      "git@host:org/name.git",
		"/a/path@with/at":                            "/a/path@with/at",
		"ssh://git@host/x and https://secret@host/y": "ssh://git@host/x and https://host/y",
	}
	for text, want := range tests {
		if got := Shown(text); got != want {
			t.Errorf("Shown(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestWeb(t *testing.T) {
	tests := map[string]string{
		"https://host/org/name.git":            "https://host/org/name",
		"https://user:secret@host/org/name/":   "https://host/org/name",
		"https://host/org/name?token=secret":   "https://host/org/name",
		"git@host:org/name.git":                "https://host/org/name",
		"host:org/name":                        "https://host/org/name",
		"ssh://git@host:2222/org/name.git":     "https://host/org/name",
		"file:///srv/org/name.git":             "file:///srv/org/name",
		"/srv/org/name.git":                    "/srv/org/name",
		"https://user:s3%zzcret@host/org/name": "https://host/org/name",
	}
	for url, want := range tests {
		if got := Web(url); got != want {
			t.Errorf("Web(%q) = %q, want %q", url, got, want)
		}
	}
}

// A hook that runs us has git's variables set; they must not lead us to its repository.
func TestRunSeesNoForeignRepository(t *testing.T) {
	need.Tool(t, "git", "git")
	dir := t.TempDir()
	index := filepath.Join(dir, "index")
	t.Setenv("GIT_INDEX_FILE", index)
	run := func(args ...string) {
		t.Helper()
		if _, err := Run(t.Context(), Command{Args: args, Dir: dir}); err != nil {
			t.Fatal(err)
		}
	}
	run("init", "--quiet")
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	run("add", "file")
	if _, err := os.Stat(index); err == nil {
		t.Error("git wrote the index of whoever called us")
	}
}

// A server that accepts and says nothing must not hold us for ever.
func TestRunHasADeadline(t *testing.T) {
	need.Tool(t, "git", "git")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	url := "http://user:secret@" + listener.Addr().String() + "/org/name"
	start := time.Now()
	_, err = Run(context.Background(), Command{Args: []string{"ls-remote", url}, Timeout: 200 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "no answer within 200ms") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got error %v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestErrorNamesTheSubcommand(t *testing.T) {
	need.Tool(t, "git", "git")
	_, err := Run(t.Context(), Command{Args: []string{"--git-dir", t.TempDir(), "rev-parse", "--verify", "HEAD"}})
	if err == nil || !strings.HasPrefix(err.Error(), "git rev-parse: ") {
		t.Errorf("got error %v", err)
	}
}
