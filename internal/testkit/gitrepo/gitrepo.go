// Package gitrepo makes real git repositories for tests.
//
// Each is a bare repository in a temporary folder, as a remote is. Commits are
// made with git's plumbing in the bare repository itself, with a fixed author and
// clock, so that the same files give the same hash on every machine.
package gitrepo

import (
	"context"
	"fmt"
	"maps"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// timeout is what one git command of a test may take.
const timeout = time.Minute

// Repo is a bare repository on this machine.
type Repo struct {
	Dir string // the bare repository
	URL string // file:// URL of Dir

	t       testing.TB
	commits int // how many there are, which is also the clock
}

// New makes an empty bare repository, whose HEAD is refs/heads/main.
func New(t testing.TB) *Repo {
	t.Helper()
	need.Tool(t, "git", "git")
	dir := filepath.Join(t.TempDir(), "remote.git")
	r := &Repo{Dir: dir, URL: "file://" + dir, t: t}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.Git("init", "--quiet", "--bare", "--initial-branch=main", dir)
	return r
}

// Git runs git in the repository and returns what it printed, trimmed.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	return r.git(nil, "", args...)
}

func (r *Repo) git(env []string, stdin string, args ...string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	out, err := exec.Output(ctx, exec.Cmd{
		Args:  append([]string{"git"}, args...),
		Dir:   r.Dir,
		Env:   append(append(os.Environ(), r.env()...), env...),
		Stdin: strings.NewReader(stdin),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func (r *Repo) env() []string {
	date := fmt.Sprintf("%d +0000", 1767225600+r.commits)
	return []string{
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_DIR=" + r.Dir,
		"GIT_AUTHOR_NAME=Tester", "GIT_AUTHOR_EMAIL=tester@example.com", "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=Tester", "GIT_COMMITTER_EMAIL=tester@example.com", "GIT_COMMITTER_DATE=" + date,
	}
}

// Commit adds a commit to main, with files (path → content) on top of those
// that are there, and returns its hash. A content of "#!..." is executable.
func (r *Repo) Commit(t testing.TB, files map[string]string) string {
	t.Helper()
	r.commits++
	index := []string{"GIT_INDEX_FILE=" + filepath.Join(t.TempDir(), "index")}
	parent := r.Git("for-each-ref", "--format=%(objectname)", "refs/heads/main")
	if parent != "" {
		r.git(index, "", "read-tree", parent)
	}
	r.git(index, r.indexInfo(files), "update-index", "--add", "--index-info")
	args := []string{"commit-tree", "-m", fmt.Sprintf("Commit %d", r.commits), r.git(index, "", "write-tree")}
	if parent != "" {
		args = append(args, "-p", parent)
	}
	sha := r.Git(args...)
	r.Git("update-ref", "refs/heads/main", sha, parent)
	return sha
}

func (r *Repo) indexInfo(files map[string]string) string {
	r.t.Helper()
	var info []string
	for path, content := range files {
		mode := "100644"
		if strings.HasPrefix(content, "#!") {
			mode = "100755"
		}
		blob := r.git(nil, content, "hash-object", "-w", "--stdin")
		info = append(info, fmt.Sprintf("%s %s\t%s\n", mode, blob, path))
	}
	slices.Sort(info)
	return strings.Join(info, "")
}

// Tag makes a tag of commit: annotated if message is not empty, else lightweight.
func (r *Repo) Tag(name, commit, message string) {
	r.t.Helper()
	args := []string{"tag", name, commit}
	if message != "" {
		args = []string{"tag", "-a", "-m", message, name, commit}
	}
	r.Git(args...)
}

// Pack makes lightweight refs (full name → hash) in one file, as git gc leaves them,
// and drops what was packed before. It is the quick way to a hundred thousand tags.
func (r *Repo) Pack(refs map[string]string) {
	r.t.Helper()
	var b strings.Builder
	b.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		fmt.Fprintf(&b, "%s %s\n", refs[name], name)
	}
	if err := os.WriteFile(filepath.Join(r.Dir, "packed-refs"), []byte(b.String()), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// Ref is the hash that name resolves to, peeled to a commit, or "" if there is none.
func (r *Repo) Ref(name string) string {
	r.t.Helper()
	out := r.Git("for-each-ref", "--format=%(objectname) %(*objectname)", name)
	hashes := strings.Fields(out)
	if len(hashes) == 0 {
		return ""
	}
	return hashes[len(hashes)-1]
}

// Hook installs a server-side hook such as pre-receive; script is a shell program.
func (r *Repo) Hook(name, script string) {
	r.t.Helper()
	path := filepath.Join(r.Dir, "hooks", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

// ServeHTTP serves the repository for reading and writing over git's smart HTTP,
// on loopback, until the test ends, and returns its URL.
func (r *Repo) ServeHTTP(t testing.TB) string {
	t.Helper()
	r.Git("config", "http.receivepack", "true")
	libexec := r.Git("--exec-path")
	server := httptest.NewServer(&cgi.Handler{
		Path: filepath.Join(libexec, "git-http-backend"),
		Env: []string{
			"GIT_PROJECT_ROOT=" + filepath.Dir(r.Dir), "GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_GLOBAL=/dev/null", "PATH=" + os.Getenv("PATH"),
		},
	})
	t.Cleanup(server.Close)
	return server.URL + "/" + filepath.Base(r.Dir)
}
