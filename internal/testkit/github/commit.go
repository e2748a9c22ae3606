package github

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// PushAs commits files (path → content; the branch's other files stay) on top of a
// branch, as a push by login, and returns the commit. A new branch starts at the
// default branch's head, or from nothing.
func (r *Repo) PushAs(login, branch, message string, files map[string]string) (string, error) {
	ctx, cancel := r.server.gitContext()
	defer cancel()
	ref := "refs/heads/" + branch
	old, existed, err := r.git.ref(ctx, ref)
	if err == nil && !existed {
		old, _, err = r.git.ref(ctx, "refs/heads/"+r.options.DefaultBranch)
	}
	if err != nil {
		return "", fmt.Errorf("push to %s of %s: %w", branch, r.FullName(), err)
	}
	who := signature{Name: login, Email: email(login), Date: r.server.now()}
	sha, err := r.git.commit(ctx, ref, old.SHA, who, message, files)
	if err != nil {
		return "", fmt.Errorf("push to %s of %s: %w", branch, r.FullName(), err)
	}
	before := old.SHA
	if !existed {
		before = zeroSHA
	}
	return sha, r.refMoved(ctx, login, ref, sha, before)
}

// commit makes a commit and moves ref to it; git refuses if ref is no longer at parent.
func (g *gitRepo) commit(ctx context.Context, ref, parent string, who signature, message string, files map[string]string) (string, error) {
	var in strings.Builder
	fmt.Fprintf(&in, "commit %s\nmark :1\ncommitter %s\n%s", ref, who.line(), data(message))
	if parent != "" {
		fmt.Fprintf(&in, "from %s\n", parent)
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&in, "M 100644 inline %q\n%s", path, data(files[path]))
	}
	in.WriteString("get-mark :1\n")
	g.mu.Lock()
	defer g.mu.Unlock()
	out, err := g.git(ctx, in.String(), "fast-import", "--quiet")
	return trimLine(out), err
}

// data is a block of bytes as git fast-import reads it.
func data(s string) string { return fmt.Sprintf("data %d\n%s\n", len(s), s) }
