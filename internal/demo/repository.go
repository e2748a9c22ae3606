package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/exec"
)

// repository is a bare git repository, as a forge holds it.
type repository struct {
	dir   string
	index string // a file to use as git's index; empty is git's own
}

func (r repository) git(ctx context.Context, args ...string) (string, error) {
	env := append(os.Environ(),
		"GIT_AUTHOR_NAME=Maintainer", "GIT_AUTHOR_EMAIL=maintainer@example.com",
		"GIT_COMMITTER_NAME=Maintainer", "GIT_COMMITTER_EMAIL=maintainer@example.com")
	if r.index != "" {
		env = append(env, "GIT_INDEX_FILE="+r.index)
	}
	out, err := exec.Output(ctx, exec.Cmd{Args: append([]string{"git", "--git-dir", r.dir}, args...), Env: env})
	return strings.TrimSpace(string(out)), err
}

// merge makes a commit of a folder's files on main, and the repository if need be.
func (r repository) merge(ctx context.Context, source string) (string, error) {
	if _, err := os.Stat(r.dir); os.IsNotExist(err) {
		if err := os.MkdirAll(r.dir, 0o755); err != nil {
			return "", err
		}
		if _, err := r.git(ctx, "init", "--quiet", "--bare", "--initial-branch=main"); err != nil {
			return "", err
		}
	}
	tree, err := r.writeTree(ctx, source)
	if err != nil {
		return "", err
	}
	args := []string{"commit-tree", tree, "-m", "Merge pull request"} // a new commit each time, by its time
	if parent, err := r.git(ctx, "rev-parse", "--quiet", "--verify", "refs/heads/main"); err == nil {
		args = append(args, "-p", parent)
	}
	commit, err := r.git(ctx, args...)
	if err != nil {
		return "", err
	}
	_, err = r.git(ctx, "update-ref", "refs/heads/main", commit)
	return commit, err
}

func (r repository) writeTree(ctx context.Context, source string) (string, error) {
	r.index = filepath.Join(r.dir, "merge.index")
	defer func() { _ = os.Remove(r.index) }()
	if _, err := r.git(ctx, "--work-tree", source, "add", "--all", "."); err != nil {
		return "", err
	}
	return r.git(ctx, "write-tree")
}

// tagOf is the version tag of a commit.
func (r repository) tagOf(ctx context.Context, commit string) (string, error) {
	tags, err := r.git(ctx, "tag", "--points-at", commit)
	if err != nil {
		return "", err
	}
	if tags == "" {
		return "", fmt.Errorf("commit %s has no tag", commit)
	}
	return strings.Fields(tags)[0], nil
}
