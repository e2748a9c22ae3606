// Package gitrefs reads and writes the refs of any git remote: a folder, ssh, http.
//
// It lists by speaking git's protocol version 2 itself, because git ls-remote
// fetches every ref of the repository to show a few: with a ref prefix the cost
// does not grow with old tags. Where that cannot be done (an old server, a
// password, an unknown transport) git ls-remote is asked after all. Refs are
// written by git push, which is told what the ref must hold beforehand.
package gitrefs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/version"
)

// gitTimeout bounds each run of git, and each exchange with a server.
const gitTimeout = 5 * time.Minute

// Remote is one repository at a URL; it implements version.Refs.
type Remote struct {
	url    string
	gitDir string // holds the commits to be tagged, if the caller has such a repository

	mu       sync.Mutex
	expanded string          // url after git's url.*.insteadOf
	scratch  string          // a repository of our own in place of gitDir
	fetched  map[string]bool // commits that the scratch repository holds
}

var _ version.Refs = (*Remote)(nil)

// New is the remote at url, which is anything that git understands. gitDir is a
// repository (its work tree or its .git) that holds the commits to be tagged. It must
// be one that no code under build could write to, since git obeys its configuration.
// If it is empty, a scratch repository is made when a first tag is, and commits are
// fetched into it. Close the remote when done.
func New(url, gitDir string) *Remote {
	if isLocal(url) && !strings.Contains(url, "://") {
		if abs, err := filepath.Abs(url); err == nil {
			url = abs // git is run in gitDir
		}
	}
	return &Remote{url: url, gitDir: gitDir, fetched: map[string]bool{}}
}

// Close removes the scratch repository, if there is one.
func (r *Remote) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.scratch == "" {
		return nil
	}
	err := os.RemoveAll(r.scratch)
	r.scratch = ""
	clear(r.fetched)
	return err
}

// isLocal follows git: a URL without a scheme and without a host: before its first
// slash is a path.
func isLocal(url string) bool {
	if rest, ok := strings.CutPrefix(url, "file://"); ok {
		return rest != ""
	}
	if strings.Contains(url, "://") || strings.Contains(url, "::") {
		return false
	}
	host, _, colon := strings.Cut(url, ":")
	return !colon || strings.Contains(host, "/")
}

// redacted is the URL without its password, for people.
func redacted(raw string) string {
	if u, err := url.Parse(raw); err == nil {
		return u.Redacted()
	}
	return raw
}

// git runs git in dir and returns what it printed, trimmed.
func git(ctx context.Context, dir, stdin string, args ...string) (string, error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	var out, said bytes.Buffer
	err := exec.Run(ctx, exec.Cmd{
		Args:   append([]string{"git"}, args...),
		Dir:    dir,
		Env:    environment(),
		Stdin:  strings.NewReader(stdin),
		Stdout: &out,
		Stderr: &said,
	})
	var failed *exec.Error
	if errors.As(err, &failed) {
		err = &gitError{command: args[0], said: clean(said.String()), err: failed.Err}
	}
	return strings.TrimSpace(out.String()), err
}

// gitError is a git command that failed. It leaves out the arguments, which may hold a
// password and say nothing to a person that the caller does not say better.
type gitError struct {
	command string
	said    string
	err     error
}

func (e *gitError) Error() string {
	if e.said == "" {
		return fmt.Sprintf("git %s: %v", e.command, e.err)
	}
	return fmt.Sprintf("git %s: %s", e.command, e.said)
}

func (e *gitError) Unwrap() error { return e.err }

var (
	password   = regexp.MustCompile(`(://[^\s/:@]*):[^\s/@]*@`)
	boilerText = regexp.MustCompile(`(?m)^(hint: .*|error: failed to push some refs.*|To .*|remote: ?$)\n?`)
)

// clean takes passwords and what says nothing out of git's messages, and makes
// one line of them.
func clean(said string) string {
	said = password.ReplaceAllString(said, "${1}:xxxxx@")
	var lines []string
	for line := range strings.Lines(boilerText.ReplaceAllString(said, "")) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

func withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, gitTimeout, fmt.Errorf("no answer within %v", gitTimeout))
}

// repositoryVariables tie git to a repository; a hook that runs us has them set.
var repositoryVariables = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR",
	"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_NAMESPACE", "GIT_PREFIX",
}

// environment is the caller's, without a repository, with git in plain English and
// asking nobody for passwords.
func environment(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(repositoryVariables, name)
	})
	return append(append(env, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C"), more...)
}
