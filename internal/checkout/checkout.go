// Package checkout brings one commit of a git repository onto this machine.
//
// What is fetched is always named by its commit, so the tree that is built is
// the commit that is tagged. The tree holds no .git folder: code under build
// sees files, not a repository.
package checkout

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/git"
)

// Pull is a pull request's head to merge into the base commit.
type Pull struct {
	Number int
	SHA    string
	Ref    string // where the forge keeps the head; empty is refs/pull/NUMBER/head
}

// Request names what to check out.
type Request struct {
	URL    string
	Commit string // full hash, of an annotated tag too; with Pulls, the base that they are merged into
	Branch string // the commit must be an ancestor of its head; empty asks for nothing
	Pulls  []Pull // merged in order, as Prow's clonerefs does

	Progress func(message string) // told of what takes long; nil is nobody
}

// Checkout is a commit's tree, and a bare repository that holds its objects.
type Checkout struct {
	Dir    string    // the tree, without .git
	GitDir string    // bare repository with the commit and, with a Branch, its history
	URL    string    // where it came from
	Commit string    // full hash of the commit asked for, peeled, before any merge
	Time   time.Time // the commit's time

	progress func(message string)
}

var fullHash = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// IsFullHash says whether s is a whole commit hash.
func IsFullHash(s string) bool { return fullHash.MatchString(s) }

// Fetch checks out what req names below dir, which must exist.
func Fetch(ctx context.Context, req Request, dir string) (Checkout, error) {
	if err := req.check(); err != nil {
		return Checkout{}, fmt.Errorf("check out %s: %w", git.Shown(req.URL), err)
	}
	c := Checkout{
		Dir: filepath.Join(dir, repositoryName(req.URL)), GitDir: filepath.Join(dir, "objects.git"),
		URL: req.URL, Commit: req.Commit, progress: req.Progress,
	}
	steps := []func(context.Context, Request) error{c.init, c.fetch, c.peel, c.checkAncestor, c.readTime, c.writeTree, c.merge}
	for _, step := range steps {
		if err := step(ctx, req); err != nil {
			return Checkout{}, fmt.Errorf("check out %s of %s: %w", short(req.Commit), git.Shown(req.URL), err)
		}
	}
	return c, nil
}

// check refuses what is not named so that it can mean one commit only.
func (req Request) check() error {
	if !IsFullHash(req.Commit) {
		return fmt.Errorf("commit %q is not a full hash; name it whole, or use --ref", req.Commit)
	}
	for _, pull := range req.Pulls {
		if !IsFullHash(pull.SHA) {
			return fmt.Errorf("pull request %d has head %q, which is not a full hash; its job must say PULL_PULL_SHA", pull.Number, pull.SHA)
		}
	}
	return nil
}

// repositoryName names the tree's folder. A URL such as . or ../.git names none.
func repositoryName(url string) string {
	name := strings.TrimSuffix(filepath.Base(strings.TrimRight(url, "/")), ".git")
	if name == "" || name == "." || name == ".." {
		return "source"
	}
	return name
}

func short(hash string) string { return hash[:min(12, len(hash))] }

func (c *Checkout) init(ctx context.Context, _ Request) error {
	_, err := c.git(ctx, "init", "--quiet", "--bare", c.GitDir)
	return err
}

// branchRef is where the branch's head is kept, so that a push need not send
// what the remote has.
const branchRef = "refs/slipway/branch"

func (c *Checkout) fetch(ctx context.Context, req Request) error {
	if req.Branch != "" {
		spec := "+refs/heads/" + req.Branch + ":" + branchRef
		if _, err := c.git(ctx, "fetch", "--quiet", "--no-tags", "--", req.URL, spec); err != nil {
			return fmt.Errorf("fetch branch %s: %w", req.Branch, err)
		}
	}
	if !c.has(ctx, req.Commit) {
		if err := c.fetchCommit(ctx, req); err != nil {
			return err
		}
	}
	for _, pull := range req.Pulls {
		if err := c.fetchPull(ctx, req.URL, pull); err != nil {
			return err
		}
	}
	return nil
}

func (c *Checkout) has(ctx context.Context, commit string) bool {
	_, err := c.git(ctx, "cat-file", "-e", commit+"^{commit}")
	return err == nil
}

// fetchCommit asks for the one commit; a server that hands out only what a ref
// names is asked for every branch and tag. Where history tells something, of a
// branch or of what a pull request was made from, all of it is fetched.
func (c *Checkout) fetchCommit(ctx context.Context, req Request) error {
	fetch := []string{"fetch", "--quiet", "--no-tags"}
	if req.Branch == "" && len(req.Pulls) == 0 {
		fetch = append(fetch, "--depth=1")
	}
	_, one := c.git(ctx, append(fetch, "--", req.URL, req.Commit)...)
	if one == nil {
		return nil
	}
	if _, err := c.git(ctx, "fetch", "--quiet", "--", req.URL, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	if !c.has(ctx, req.Commit) {
		return fmt.Errorf("no branch or tag holds commit %s: push it first (%w)", req.Commit, one)
	}
	return nil
}

// peel takes the commit where the hash of an annotated tag was given.
func (c *Checkout) peel(ctx context.Context, req Request) (err error) {
	c.Commit, err = c.git(ctx, "rev-parse", "--verify", req.Commit+"^{commit}")
	return err
}

func (c *Checkout) fetchPull(ctx context.Context, url string, pull Pull) error {
	ref := cmp.Or(pull.Ref, "refs/pull/"+strconv.Itoa(pull.Number)+"/head")
	if _, err := c.git(ctx, "fetch", "--quiet", "--no-tags", "--", url, "+"+ref+":refs/slipway/pull/"+strconv.Itoa(pull.Number)); err != nil {
		return fmt.Errorf("fetch pull request %d: %w", pull.Number, err)
	}
	if !c.has(ctx, pull.SHA) {
		return fmt.Errorf("pull request %d has no commit %s; it was pushed over: run its newest head", pull.Number, pull.SHA)
	}
	return nil
}

func (c *Checkout) checkAncestor(ctx context.Context, req Request) error {
	if req.Branch == "" {
		return nil
	}
	_, err := c.git(ctx, "merge-base", "--is-ancestor", c.Commit, branchRef)
	if exec.ExitCode(err) == 1 {
		return fmt.Errorf("the commit is no ancestor of branch %s; merge it first, or name its branch with --branch", req.Branch)
	}
	return err
}

func (c *Checkout) readTime(ctx context.Context, _ Request) error {
	out, err := c.git(ctx, "show", "--no-patch", "--format=%ct", c.Commit)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(out, 10, 64)
	if err != nil {
		return fmt.Errorf("read the commit's time %q: %w", out, err)
	}
	c.Time = time.Unix(seconds, 0).UTC()
	return nil
}

// writeTree writes the commit's files into c.Dir; the index stays in the bare
// repository.
func (c *Checkout) writeTree(ctx context.Context, _ Request) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	_, err := c.git(ctx, "--work-tree", c.Dir, "checkout", "--quiet", "--force", "--detach", c.Commit)
	return err
}

// merge merges the pull requests into the tree, one after the other.
func (c *Checkout) merge(ctx context.Context, req Request) error {
	as := []string{"--work-tree", c.Dir, "-c", "user.name=Slipway", "-c", "user.email=slipway@localhost", "-c", "commit.gpgsign=false"}
	for _, pull := range req.Pulls {
		message := fmt.Sprintf("Merge pull request %d", pull.Number)
		out, err := c.git(ctx, append(as, "merge", "--quiet", "--no-ff", "--no-stat", "-m", message, pull.SHA)...)
		if exec.ExitCode(err) == 1 {
			return fmt.Errorf("pull request %d does not merge into %s; rebase it: %s", pull.Number, short(c.Commit), strings.ReplaceAll(out, "\n", "; "))
		}
		if err != nil {
			return fmt.Errorf("merge pull request %d: %w", pull.Number, err)
		}
	}
	return nil
}
