package github

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// pull is what a pull request has beyond an issue. The server's lock guards it.
type pull struct {
	head, base string // branches
	draft      bool
	reviewers  []string // requested
	teams      []string // requested
	reviews    []*review
	tips       tips
	merged     bool
	mergedBy   string
}

// tips is what git says of a pull request, as of the last look.
type tips struct {
	head, base, mergeBase string // commits
	merge                 string // commit that merges the two (once merged: that is on the base); empty on a conflict
	commits, files        int
	stats                 statsJSON
}

type pullEndJSON struct {
	Label string   `json:"label"`
	Ref   string   `json:"ref"`
	SHA   string   `json:"sha"`
	User  userJSON `json:"user"`
	Repo  repoJSON `json:"repo"`
}

type pullJSON struct {
	issueJSON
	Draft              bool        `json:"draft"`
	Head               pullEndJSON `json:"head"`
	Base               pullEndJSON `json:"base"`
	Merged             bool        `json:"merged"`
	MergedAt           *time.Time  `json:"merged_at"`
	MergedBy           *userJSON   `json:"merged_by"`
	Mergeable          *bool       `json:"mergeable"`
	MergeableState     string      `json:"mergeable_state"`
	MergeCommitSHA     *string     `json:"merge_commit_sha"`
	RequestedReviewers []userJSON  `json:"requested_reviewers"`
	RequestedTeams     []teamJSON  `json:"requested_teams"`
	Commits            int         `json:"commits"`
	Additions          int         `json:"additions"`
	Deletions          int         `json:"deletions"`
	ChangedFiles       int         `json:"changed_files"`
	AuthorAssociation  string      `json:"author_association"`
	DiffURL            string      `json:"diff_url"`
	PatchURL           string      `json:"patch_url"`
	PullRequest        any         `json:"pull_request,omitempty"` // hides the issue's link to itself
}

// pullJSON describes a pull request; the server's lock is held.
func (r *Repo) pullJSON(i *issue) pullJSON {
	p := i.pull
	j := pullJSON{
		issueJSON: r.issueJSON(i), Draft: p.draft, Merged: p.merged,
		Head: r.pullEnd(p.head, p.tips.head), Base: r.pullEnd(p.base, p.tips.base),
		RequestedReviewers: r.usersJSON(p.reviewers), RequestedTeams: r.teamsJSON(p.teams),
		Commits: p.tips.commits, Additions: p.tips.stats.Additions, Deletions: p.tips.stats.Deletions,
		ChangedFiles: p.tips.files, AuthorAssociation: r.association(i.author),
	}
	j.URL, j.NodeID = r.apiURL()+"/pulls/"+itoa(i.number), nodeID("PR", i.id)
	j.DiffURL, j.PatchURL = j.HTMLURL+".diff", j.HTMLURL+".patch"
	j.MergeableState = p.mergeableState()
	if p.tips.merge != "" {
		j.MergeCommitSHA = &p.tips.merge
	}
	if p.merged {
		by := r.server.userJSON(p.mergedBy)
		j.MergedAt, j.MergedBy = i.closed, &by
	} else if i.state == "open" {
		mergeable := p.tips.merge != ""
		j.Mergeable = &mergeable
	}
	return j
}

func (p *pull) mergeableState() string {
	switch {
	case p.merged:
		return "unknown"
	case p.tips.merge == "":
		return "dirty"
	case p.draft:
		return "draft"
	}
	return "clean"
}

func (r *Repo) pullEnd(branch, sha string) pullEndJSON {
	return pullEndJSON{r.Org + ":" + branch, branch, sha, r.server.userJSON(r.Org), r.json("")}
}

func (r *Repo) teamsJSON(slugs []string) []teamJSON {
	list := []teamJSON{}
	for _, slug := range slugs {
		list = append(list, teamJSON{Name: slug, Slug: slug})
	}
	return list
}

// NewPull is a pull request to be opened.
type NewPull struct {
	Title, Body string
	Head        string // branch of the same repository, pushed before
	Base        string // empty is the default branch
	Draft       bool
}

// OpenPullAs opens a pull request and returns its number. Git sees it as
// refs/pull/NUMBER/head and, unless it conflicts, refs/pull/NUMBER/merge.
func (r *Repo) OpenPullAs(login string, p NewPull) (int, error) {
	ctx, cancel := r.server.gitContext()
	defer cancel()
	p.Head = strings.TrimPrefix(p.Head, r.Org+":")
	p.Base = cmp.Or(p.Base, r.options.DefaultBranch)
	for field, branch := range map[string]string{"head": p.Head, "base": p.Base} {
		_, ok, err := r.git.ref(ctx, "refs/heads/"+branch)
		if err == nil && !ok {
			err = invalid("PullRequest", field, "invalid")
		}
		if err != nil {
			return 0, err
		}
	}
	i, err := r.addPull(login, p)
	if err != nil {
		return 0, err
	}
	if err := r.syncPull(ctx, login, i); err != nil {
		return 0, fmt.Errorf("open pull request %d of %s: %w", i.number, r.FullName(), err)
	}
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.emitIssue(login, i, "opened", event{})
	return i.number, nil
}

func (r *Repo) addPull(login string, p NewPull) (*issue, error) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	for _, other := range r.issues {
		if other.state == "open" && other.pull != nil && other.pull.head == p.Head && other.pull.base == p.Base {
			return nil, &apiError{status: 422, message: "Validation Failed", errors: []fieldError{{
				Resource: "PullRequest", Code: "custom",
				Message: fmt.Sprintf("A pull request already exists for %s:%s.", r.Org, p.Head),
			}}}
		}
	}
	i := r.newIssue(login, p.Title, p.Body)
	i.pull = &pull{head: p.Head, base: p.Base, draft: p.Draft}
	return i, nil
}

// SetPullAs closes or reopens a pull request or issue: state is closed or open.
func (r *Repo) SetPullAs(login string, number int, state string) error {
	return r.withIssue(number, func(i *issue) error { return r.edit(login, i, nil, nil, &state) })
}
