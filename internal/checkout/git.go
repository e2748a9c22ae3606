package checkout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
)

func (c *Checkout) git(ctx context.Context, args ...string) (string, error) {
	return git(ctx, append([]string{"--git-dir", c.GitDir}, args...)...)
}

// git runs git in plain English, asking nobody for passwords and telling none.
func git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.Output(ctx, exec.Cmd{
		Args: append([]string{"git"}, args...),
		Env:  append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "LC_ALL=C"),
	})
	if failed, ok := errors.AsType[*exec.Error](err); ok {
		failed.Stderr = redact(failed.Stderr)
		for i := range failed.Args {
			failed.Args[i] = redact(failed.Args[i])
		}
	}
	return strings.TrimSpace(string(out)), err
}

var password = regexp.MustCompile(`(://[^\s/:@]*):[^\s/@]*@`)

func redact(text string) string { return password.ReplaceAllString(text, "${1}:xxxxx@") }

// DefaultBranch is the branch that the remote's HEAD names.
func DefaultBranch(ctx context.Context, url string) (string, error) {
	out, err := git(ctx, "ls-remote", "--symref", "--", url, "HEAD")
	if err != nil {
		return "", fmt.Errorf("ask %s for its main branch: %w", redact(url), err)
	}
	first, _, _ := strings.Cut(out, "\t")
	branch, ok := strings.CutPrefix(first, "ref: refs/heads/")
	if !ok {
		return "", fmt.Errorf("%s does not say which branch is its main one; name the commit's with --branch", redact(url))
	}
	return branch, nil
}

// TimeOf is the time of the commit that a folder has checked out; for a folder
// that is no git checkout it is now, to the second.
func TimeOf(ctx context.Context, dir string) (time.Time, error) {
	if _, err := git(ctx, "-C", dir, "rev-parse", "--quiet", "--verify", "HEAD"); err != nil {
		return time.Now().UTC().Truncate(time.Second), context.Cause(ctx)
	}
	gitDir, err := git(ctx, "-C", dir, "rev-parse", "--absolute-git-dir")
	if err != nil {
		return time.Time{}, err
	}
	c := Checkout{GitDir: gitDir, Commit: "HEAD"}
	err = c.readTime(ctx, Request{})
	return c.Time, err
}
