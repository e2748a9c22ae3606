package checkout

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slipway.dev/slipway/internal/git"
)

// timeout bounds each run of git; a fetch of a large history takes minutes.
const timeout = 30 * time.Minute

func (c *Checkout) git(ctx context.Context, args ...string) (string, error) {
	return git.Run(ctx, git.Command{
		Args: append([]string{"--git-dir", c.GitDir}, args...), Timeout: timeout, Progress: c.progress,
	})
}

// DefaultBranch is the branch that the remote's HEAD names.
func DefaultBranch(ctx context.Context, url string) (string, error) {
	from := url
	if info, err := os.Stat(url); err == nil && info.IsDir() { // inside of a checkout git takes it from there
		if from, err = filepath.Abs(url); err != nil {
			return "", err
		}
	}
	out, err := git.Run(ctx, git.Command{Args: []string{"ls-remote", "--symref", "--", from, "HEAD"}})
	if err != nil {
		return "", fmt.Errorf("ask %s for its main branch: %w", git.Shown(url), err)
	}
	first, _, _ := strings.Cut(out, "\t")
	branch, ok := strings.CutPrefix(first, "ref: refs/heads/")
	if !ok {
		return "", fmt.Errorf("%s does not say which branch is its main one; name the commit's with --branch", git.Shown(url))
	}
	return branch, nil
}

// TimeOf is the time of the commit that a folder has checked out; for a folder
// that is no git checkout it is now, to the second.
func TimeOf(ctx context.Context, dir string) (time.Time, error) {
	at := func(args ...string) (string, error) { return git.Run(ctx, git.Command{Args: args, Dir: dir}) }
	if _, err := at("rev-parse", "--quiet", "--verify", "HEAD"); err != nil {
		return time.Now().UTC().Truncate(time.Second), context.Cause(ctx)
	}
	gitDir, err := at("rev-parse", "--absolute-git-dir")
	if err != nil {
		return time.Time{}, err
	}
	c := Checkout{GitDir: gitDir, Commit: "HEAD"}
	err = c.readTime(ctx, Request{})
	return c.Time, err
}
