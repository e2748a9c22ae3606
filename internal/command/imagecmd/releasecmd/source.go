package releasecmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"slipway.dev/slipway/internal/checkout"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/git"
)

// source is a clone of the repository, of one commit's files and the history around it.
type source struct {
	dir    string
	commit string       // full hash
	url    string       // where later commits are asked for; may be empty
	say    func(string) // progress
}

// clone brings the commit below dir. A local repository lends its objects, so that also
// commits are known which no branch of it holds.
func clone(ctx context.Context, repo, commit, dir string, say func(string)) (*source, error) {
	if err := refuseDirty(ctx, repo); err != nil {
		return nil, err
	}
	s := &source{dir: filepath.Join(dir, "source"), say: say}
	if _, err := git.Run(ctx, git.Command{
		Args: []string{"clone", "--quiet", "--no-checkout", "--shared", "--template=", "--", repo, s.dir}, Progress: say,
	}); err != nil {
		return nil, fmt.Errorf("clone %s: %w", git.Shown(repo), err)
	}
	var err error
	if s.commit, err = s.resolve(ctx, commit); err != nil {
		return nil, err
	}
	if _, err := s.git(ctx, "checkout", "--quiet", "--detach", s.commit); err != nil {
		return nil, fmt.Errorf("check out %s: %w", s.commit, err)
	}
	return s, nil
}

// refuseDirty refuses a checkout whose files are not those of a commit: somebody would
// take what is released for what they see.
func refuseDirty(ctx context.Context, repo string) error {
	if info, err := os.Stat(repo); err != nil || !info.IsDir() {
		return nil // a URL, or what clone complains of
	}
	if inside, err := git.Run(ctx, git.Command{Args: []string{"rev-parse", "--is-inside-work-tree"}, Dir: repo}); err != nil || inside != "true" {
		return nil
	}
	changed, err := git.Run(ctx, git.Command{Args: []string{"status", "--porcelain", "--untracked-files=no"}, Dir: repo})
	if err != nil {
		return fmt.Errorf("look for uncommitted changes: %w", err)
	}
	if changed != "" {
		return fmt.Errorf("%s has changes that are not committed; commit or stash them, for what is released is a commit:\n%s", repo, changed)
	}
	return nil
}

// resolve finds the commit that is meant, once.
func (s *source) resolve(ctx context.Context, commit string) (string, error) {
	names := []string{"refs/remotes/origin/" + commit, "refs/tags/" + commit}
	switch {
	case checkout.IsFullHash(commit):
		names = []string{commit}
	case commit == "":
		names = []string{"HEAD"}
	}
	for _, name := range names {
		if found, err := s.git(ctx, "rev-parse", "--quiet", "--verify", name+"^{commit}"); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("the repository has no commit, branch or tag %q; a commit is named by its full hash", commit)
}

// merged refuses a commit that is not merged into the branch.
func (s *source) merged(ctx context.Context, branch string) error {
	head, err := s.git(ctx, "rev-parse", "--quiet", "--verify", "refs/remotes/origin/"+branch+"^{commit}")
	if err != nil {
		return fmt.Errorf("the repository has no branch %s; name the one that the commit is merged into with --branch", branch)
	}
	is, err := s.isAncestor(ctx, s.commit, head)
	if err == nil && !is {
		err = fmt.Errorf("commit %s is no ancestor of branch %s; merge it first, or name its branch with --branch", s.commit, branch)
	}
	return err
}

func (s *source) isAncestor(ctx context.Context, older, newer string) (bool, error) {
	_, err := s.git(ctx, "merge-base", "--is-ancestor", older, newer)
	if exec.ExitCode(err) == 1 {
		return false, nil
	}
	return err == nil, err
}

func (s *source) knows(ctx context.Context, commit string) bool {
	_, err := s.git(ctx, "cat-file", "-e", commit+"^{commit}")
	return err == nil
}

// seek sees that a commit is known, which may have been merged after the clone was made.
func (s *source) seek(ctx context.Context, commit string) error {
	if s.knows(ctx, commit) {
		return nil
	}
	if s.url == "" {
		return fmt.Errorf("the repository has no commit %s", commit)
	}
	_, err := s.git(ctx, "fetch", "--quiet", "--no-tags", "--", s.url, commit)
	if err != nil { // a server may hand out only what a ref names
		_, err = s.git(ctx, "fetch", "--quiet", "--no-tags", "--", s.url, "+refs/heads/*:refs/slipway/heads/*")
	}
	if err == nil && !s.knows(ctx, commit) {
		err = fmt.Errorf("no branch of %s holds it", git.Shown(s.url))
	}
	if err != nil {
		return fmt.Errorf("find commit %s: %w", commit, err)
	}
	return nil
}

func (s *source) git(ctx context.Context, args ...string) (string, error) {
	return git.Run(ctx, git.Command{Args: append([]string{"-c", "core.hooksPath=/dev/null"}, args...), Dir: s.dir, Progress: s.say})
}
