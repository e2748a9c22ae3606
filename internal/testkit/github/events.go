package github

import (
	"context"
	"maps"
	"strings"
)

// event is the payload of a webhook; emit adds what every payload has.
type event map[string]any

// emit sends an event of the repository that login caused.
func (r *Repo) emit(name, login string, e event) {
	payload := maps.Clone(e)
	payload["repository"] = r.json("")
	payload["organization"] = r.server.userJSON(r.Org)
	payload["sender"] = r.server.userJSON(login)
	r.server.hooks.send(name, payload)
}

// refMoved tells the world of a change of a ref: a push event for branches and tags,
// and an event for each pull request whose head it is.
func (r *Repo) refMoved(ctx context.Context, login, ref, after, before string) error {
	if !strings.HasPrefix(ref, "refs/heads/") && !strings.HasPrefix(ref, "refs/tags/") {
		return nil
	}
	e, err := r.pushEvent(ctx, login, ref, after, before)
	if err != nil {
		return err
	}
	r.emit("push", login, e)
	if after == zeroSHA {
		return nil
	}
	return r.syncPulls(ctx, login, strings.TrimPrefix(ref, "refs/heads/"))
}

func (r *Repo) pushEvent(ctx context.Context, login, ref, after, before string) (event, error) {
	created, deleted := before == zeroSHA, after == zeroSHA
	forced := false
	if !created && !deleted {
		forward, err := r.git.isAncestor(ctx, before, after)
		if err != nil {
			return nil, err
		}
		forced = !forward
	}
	commits, err := r.pushedCommits(ctx, ref, after, before)
	if err != nil {
		return nil, err
	}
	head, err := r.headCommit(ctx, after)
	if err != nil {
		return nil, err
	}
	return event{
		"ref": ref, "before": before, "after": after, "base_ref": nil,
		"created": created, "deleted": deleted, "forced": forced,
		"compare": r.page("/compare/%.12s...%.12s", before, after),
		"commits": commits, "head_commit": head,
		"pusher": map[string]string{"name": login, "email": email(login)},
	}, nil
}

// pushedCommit is a commit as a push event tells it.
type pushedCommit struct {
	ID        string    `json:"id"`
	TreeID    string    `json:"tree_id"`
	Distinct  bool      `json:"distinct"`
	Message   string    `json:"message"`
	Timestamp string    `json:"timestamp"`
	URL       string    `json:"url"`
	Author    signature `json:"author"`
	Committer signature `json:"committer"`
	Added     []string  `json:"added"`
	Removed   []string  `json:"removed"`
	Modified  []string  `json:"modified"`
}

// headCommit is the commit that a push ends at; nil where it deletes.
func (r *Repo) headCommit(ctx context.Context, sha string) (*pushedCommit, error) {
	if sha == zeroSHA {
		return nil, nil
	}
	peeled, ok, err := r.git.lookup(ctx, sha+"^{commit}")
	if err != nil || !ok {
		return nil, err
	}
	head, err := r.pushedCommit(ctx, peeled.SHA)
	return &head, err
}

// pushedCommits are those that a push added to a branch; a new branch is held against
// the default branch.
func (r *Repo) pushedCommits(ctx context.Context, ref, after, before string) ([]pushedCommit, error) {
	commits := []pushedCommit{}
	if after == zeroSHA || !strings.HasPrefix(ref, "refs/heads/") {
		return commits, nil
	}
	args := []string{"rev-list", "--reverse", "--max-count=2048", after}
	if trunk := "refs/heads/" + r.options.DefaultBranch; before != zeroSHA {
		args = append(args, "^"+before)
	} else if ref != trunk {
		args = append(args, "--ignore-missing", "^"+trunk)
	}
	out, err := r.git.git(ctx, "", args...)
	if err != nil {
		return nil, err
	}
	for _, sha := range strings.Fields(out) {
		commit, err := r.pushedCommit(ctx, sha)
		if err != nil {
			return nil, err
		}
		commits = append(commits, commit)
	}
	return commits, nil
}

func (r *Repo) pushedCommit(ctx context.Context, sha string) (pushedCommit, error) {
	content, err := r.git.read(ctx, "commit", sha)
	if err != nil {
		return pushedCommit{}, err
	}
	fields, message := headers(content)
	committer := parseSignature(first(fields["committer"]))
	commit := pushedCommit{
		ID: sha, TreeID: first(fields["tree"]), Distinct: true, Message: strings.TrimSuffix(message, "\n"),
		Timestamp: committer.Date.Format("2006-01-02T15:04:05Z07:00"), URL: r.page("/commit/%s", sha),
		Author: parseSignature(first(fields["author"])), Committer: committer,
		Added: []string{}, Removed: []string{}, Modified: []string{},
	}
	files, err := r.git.diff(ctx, first(fields["parent"]), sha)
	for _, file := range files {
		commit.add(file)
	}
	return commit, err
}

func (p *pushedCommit) add(file changedFile) {
	switch file.Status {
	case "added":
		p.Added = append(p.Added, file.Filename)
	case "removed":
		p.Removed = append(p.Removed, file.Filename)
	default:
		p.Modified = append(p.Modified, file.Filename)
	}
}

func email(login string) string { return login + "@users.noreply.github.com" }
