package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/git"
)

// pullWorkingTree makes a pull request of the files as they are in a checkout,
// committed or not, on top of its HEAD. Nothing is written into the checkout.
func (s *Source) pullWorkingTree(ctx context.Context, scratch string) error {
	if !s.Repository.Local {
		return fmt.Errorf("%s is not on this machine, so it has no uncommitted changes; name a commit with --pull NUMBER --pull-ref COMMIT", s.Repository)
	}
	tree := workingTree{Repository: s.Repository, made: filepath.Join(scratch, "worktree.git")}
	sha, err := tree.commit(ctx)
	if err != nil {
		return fmt.Errorf("make a commit of the files in %s: %w", s.Repository, err)
	}
	s.Made = tree.made
	s.Refs.Pulls = []prowapi.Pull{{Number: 1, Author: "you", SHA: sha, Title: "Uncommitted changes", HeadRef: "uncommitted-changes"}}
	if head, err := s.Repository.commit(ctx, "HEAD"); err != nil || head == sha {
		s.Made, s.Refs.Pulls[0].Title, s.Refs.Pulls[0].HeadRef = "", "HEAD", "HEAD"
		return err
	}
	return nil
}

// workingTree makes a commit in a repository of its own, which borrows the objects
// of the checkout.
type workingTree struct {
	Repository
	made string
}

// made is where the commit is kept for the copy to fetch.
const madeRef = "refs/slipway/working-tree"

func (w workingTree) commit(ctx context.Context) (string, error) {
	if bare, err := w.git(ctx, "rev-parse", "--is-bare-repository"); err != nil || bare == "true" {
		return "", errors.Join(err, errors.New("it has no working tree; name a commit with --pull NUMBER --pull-ref COMMIT"))
	}
	head, err := w.Repository.commit(ctx, "HEAD")
	if err != nil {
		return "", err
	}
	top, err := w.git(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return "", err
	}
	env, err := w.borrow(ctx, head)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, copyTimeout, fmt.Errorf("no end within %v", copyTimeout))
	defer cancel()
	return makeCommit(head, w.made, func(args ...string) (string, error) {
		out, err := exec.Output(ctx, exec.Cmd{Args: append([]string{"git", "-C", top}, args...), Env: env})
		return strings.TrimSpace(string(out)), err
	})
}

// makeCommit commits all files but ignored ones; without a change it is head.
func makeCommit(head, made string, git func(args ...string) (string, error)) (string, error) {
	if _, err := git("add", "--all"); err != nil {
		return "", err
	}
	tree, err := git("write-tree")
	if err != nil {
		return "", err
	}
	if same, err := git("rev-parse", head+"^{tree}"); err != nil || same == tree {
		return head, err
	}
	sha, err := git("commit-tree", tree, "-p", head, "-m", "Uncommitted changes")
	if err != nil {
		return "", err
	}
	_, err = git("--git-dir", made, "update-ref", madeRef, sha)
	return sha, err
}

// borrow makes the repository, and is the environment in which git in the checkout
// writes objects and index there. The index begins as the checkout's, so that only
// files that changed are read; the commit has the time of head, so that the same
// files are the same commit.
func (w workingTree) borrow(ctx context.Context, head string) ([]string, error) {
	if _, err := git.Run(ctx, git.Command{Args: []string{"init", "--quiet", "--bare", w.made}}); err != nil {
		return nil, err
	}
	paths, err := w.git(ctx, "rev-parse", "--path-format=absolute", "--git-path", "objects", "--git-path", "index")
	if err != nil {
		return nil, err
	}
	objects, index, _ := strings.Cut(paths, "\n")
	lent := filepath.Join(w.made, "objects", "info", "alternates")
	if err := os.WriteFile(lent, []byte(objects+"\n"), 0o644); err != nil {
		return nil, err
	}
	borrowed := filepath.Join(w.made, "index")
	if err := copyFile(index, borrowed, 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	when, err := w.git(ctx, "show", "--no-patch", "--format=@%ct +0000", head)
	if err != nil {
		return nil, err
	}
	return git.Environment("GIT_INDEX_FILE="+borrowed, "GIT_OBJECT_DIRECTORY="+filepath.Join(w.made, "objects"),
		"GIT_AUTHOR_NAME=you", "GIT_AUTHOR_EMAIL=you@localhost", "GIT_AUTHOR_DATE="+when,
		"GIT_COMMITTER_NAME=you", "GIT_COMMITTER_EMAIL=you@localhost", "GIT_COMMITTER_DATE="+when), nil
}

func copyFile(from, to string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close(), os.Chmod(to, mode))
}
