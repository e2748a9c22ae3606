package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/exec"
)

// pull finds a pull request and looks at its branches anew.
func (r *Repo) pull(ctx context.Context, login string, number int) (*issue, error) {
	var found *issue
	err := r.withIssue(number, func(i *issue) error {
		found = i
		if i.pull == nil {
			return notFound()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, r.syncPull(ctx, login, found)
}

// syncPulls looks anew at the open pull requests whose head is branch; empty is all.
func (r *Repo) syncPulls(ctx context.Context, login, branch string) error {
	var errs []error
	for _, i := range r.openPulls(branch) {
		errs = append(errs, r.syncPull(ctx, login, i))
	}
	return errors.Join(errs...)
}

func (r *Repo) openPulls(branch string) []*issue {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	var open []*issue
	for _, number := range slices.Sorted(maps.Keys(r.issues)) {
		i := r.issues[number]
		if i.pull != nil && i.state == "open" && (branch == "" || i.pull.head == branch) {
			open = append(open, i)
		}
	}
	return open
}

// syncPull brings a pull request up to what its branches are now, also when a plain
// `git push` moved them, and tells of a new head.
func (r *Repo) syncPull(ctx context.Context, login string, i *issue) error {
	r.server.mu.Lock()
	old, open, headName, baseName := i.pull.tips, i.state == "open", i.pull.head, i.pull.base
	r.server.mu.Unlock()
	if !open {
		return nil
	}
	head, headThere, err := r.git.ref(ctx, "refs/heads/"+headName)
	if err != nil {
		return err
	}
	base, baseThere, err := r.git.ref(ctx, "refs/heads/"+baseName)
	if err != nil || !headThere || !baseThere || head.SHA == old.head && base.SHA == old.base {
		return err
	}
	now, err := r.tips(ctx, i.number, head.SHA, base.SHA)
	if err != nil {
		return err
	}
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	if i.pull.tips != old {
		return nil // somebody else saw it first
	}
	i.pull.tips = now
	if old.head != "" && old.head != now.head {
		i.updated = r.server.now()
		r.emitIssue(login, i, "synchronize", event{"before": old.head, "after": now.head})
	}
	return nil
}

// tips asks git all that a pull request tells, and sets refs/pull/NUMBER/head and merge.
func (r *Repo) tips(ctx context.Context, number int, head, base string) (tips, error) {
	t := tips{head: head, base: base}
	out, err := r.git.git(ctx, "", "merge-base", base, head)
	if err != nil {
		return t, fmt.Errorf("find the common ancestor of %s and %s: %w", base, head, err)
	}
	t.mergeBase = trimLine(out)
	files, err := r.git.diff(ctx, t.mergeBase, head)
	if err != nil {
		return t, err
	}
	t.files, t.stats = len(files), *stats(files)
	commits, err := r.git.git(ctx, "", "rev-list", head, "^"+t.mergeBase)
	if err != nil {
		return t, err
	}
	t.commits = len(strings.Fields(commits))
	message := fmt.Sprintf("Merge %s into %s", head, base)
	if t.merge, err = r.git.merge(ctx, "GitHub", message, base, head, base, head); err != nil {
		return t, err
	}
	return t, r.setPullRefs(ctx, number, t)
}

func (r *Repo) setPullRefs(ctx context.Context, number int, t tips) error {
	in := fmt.Sprintf("update refs/pull/%d/head %s\n", number, t.head)
	if t.merge != "" {
		in += fmt.Sprintf("update refs/pull/%d/merge %s\n", number, t.merge)
	}
	r.git.mu.Lock()
	defer r.git.mu.Unlock()
	_, err := r.git.git(ctx, in, "update-ref", "--stdin")
	return err
}

// merge makes a commit with the parents and the tree that merges ours and theirs; empty on a conflict.
func (g *gitRepo) merge(ctx context.Context, login, message, ours, theirs string, parents ...string) (string, error) {
	tree, err := g.git(ctx, "", "merge-tree", "--write-tree", "--no-messages", ours, theirs)
	if exec.ExitCode(err) == 1 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	args := []string{"-c", "user.name=" + login, "-c", "user.email=" + email(login), "commit-tree", "-F", "-", trimLine(tree)}
	for _, parent := range parents {
		args = append(args, "-p", parent)
	}
	sha, err := g.git(ctx, message+"\n", args...)
	return trimLine(sha), err
}

// MergeAs merges a pull request (method merge or squash; empty is merge), and returns the
// commit that the base branch is at then.
func (r *Repo) MergeAs(login string, number int, method string) (string, error) {
	ctx, cancel := r.server.gitContext()
	defer cancel()
	return r.mergePull(ctx, login, number, mergeBody{MergeMethod: method})
}

type mergeBody struct {
	CommitTitle   string `json:"commit_title"`
	CommitMessage string `json:"commit_message"`
	SHA           string
	MergeMethod   string `json:"merge_method"`
}

func (r *Repo) mergePull(ctx context.Context, login string, number int, how mergeBody) (string, error) {
	i, err := r.pull(ctx, login, number)
	if err != nil {
		return "", err
	}
	r.server.mu.Lock()
	p, title, open := *i.pull, i.title, i.state == "open"
	r.server.mu.Unlock()
	switch {
	case !open || p.draft || p.tips.merge == "":
		return "", &apiError{status: http.StatusMethodNotAllowed, message: "Pull Request is not mergeable"}
	case how.SHA != "" && how.SHA != p.tips.head:
		return "", conflict("Head branch was modified. Review and try the merge again.")
	}
	sha, err := r.mergeCommit(ctx, login, number, title, p, how)
	if err != nil {
		return "", err
	}
	err = r.git.update(ctx, "refs/heads/"+p.base, sha, p.tips.base)
	if errors.Is(err, errLostRace) {
		return "", &apiError{status: http.StatusMethodNotAllowed, message: "Base branch was modified. Review and try the merge again."}
	}
	if err != nil {
		return "", err
	}
	r.closeMerged(login, i, sha)
	return sha, r.refMoved(ctx, login, "refs/heads/"+p.base, sha, p.tips.base)
}

func (r *Repo) mergeCommit(ctx context.Context, login string, number int, title string, p pull, how mergeBody) (string, error) {
	subject := fmt.Sprintf("Merge pull request #%d from %s/%s\n\n%s", number, r.Org, p.head, title)
	parents := []string{p.tips.base, p.tips.head}
	switch how.MergeMethod {
	case "", "merge":
	case "squash":
		subject, parents = fmt.Sprintf("%s (#%d)", title, number), parents[:1]
	default:
		return "", unprocessable("The fake merges by merge and squash, not by %q.", how.MergeMethod)
	}
	subject = cmp.Or(how.CommitTitle, subject)
	if how.CommitMessage != "" {
		subject += "\n\n" + how.CommitMessage
	}
	return r.git.merge(ctx, login, subject, p.tips.base, p.tips.head, parents...)
}

func (r *Repo) closeMerged(login string, i *issue, sha string) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	i.pull.merged, i.pull.mergedBy, i.pull.tips.merge = true, login, sha
	r.setState(login, i, "closed")
}

func mergePull(c *call) (any, error) {
	var body mergeBody
	if len(c.body) > 0 {
		if err := c.decode(&body); err != nil {
			return nil, err
		}
	}
	number, err := c.number("number")
	if err != nil {
		return nil, err
	}
	sha, err := c.repo.mergePull(c.ctx, c.login, number, body)
	if err != nil {
		return nil, err
	}
	return struct {
		SHA     string `json:"sha"`
		Merged  bool   `json:"merged"`
		Message string `json:"message"`
	}{sha, true, "Pull Request successfully merged"}, nil
}
