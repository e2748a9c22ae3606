// Package gitrefs reads and writes the refs of any git remote: a folder, ssh, http.
//
// It lists by speaking git's protocol version 2 itself, because git ls-remote
// fetches every ref of the repository to show a few: with a ref prefix the cost
// does not grow with old tags. Where that cannot be done (an old server, a
// password, an unknown transport) git ls-remote is asked after all. Refs are
// written by git push, which is told what the ref must hold beforehand.
package gitrefs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"slipway.dev/slipway/internal/git"
	"slipway.dev/slipway/internal/version"
)

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

// run runs git in dir and returns what it printed, trimmed.
func run(ctx context.Context, dir, stdin string, args ...string) (string, error) {
	return git.Run(ctx, git.Command{Dir: dir, Stdin: stdin, Args: args})
}

func withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, git.Timeout, fmt.Errorf("no answer within %v", git.Timeout))
}
