package github

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

func pullRoutes() []route {
	const pulls = "/repos/{owner}/{repo}/pulls"
	return []route{
		{"GET", pulls, reads, 200, listPulls},
		{"POST", pulls, comments, 201, createPull},
		{"GET", pulls + "/{number}", reads, 200, getPull},
		{"PATCH", pulls + "/{number}", comments, 200, editPull},
		{"GET", pulls + "/{number}/files", reads, 200, pullFiles},
		{"GET", pulls + "/{number}/commits", reads, 200, pullCommits},
		{"GET", pulls + "/{number}/merge", reads, 204, isMerged},
		{"PUT", pulls + "/{number}/merge", pushes, 200, mergePull},
	}
}

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

// pullOf finds the pull request that the path names, with git's latest word on it.
func (c *call) pullOf() (*issue, error) {
	number, err := c.number("number")
	if err != nil {
		return nil, err
	}
	return c.repo.pull(c.ctx, c.login, number)
}

// pullAnswer runs do on the pull request that the path names, with the server locked.
func (c *call) pullAnswer(do func(*issue) (any, error)) (any, error) {
	i, err := c.pullOf()
	if err != nil {
		return nil, err
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return do(i)
}

func getPull(c *call) (any, error) {
	if c.accepts("diff") || c.accepts("patch") {
		return c.pullDiff()
	}
	return c.pullAnswer(func(i *issue) (any, error) { return c.repo.pullJSON(i), nil })
}

func (c *call) pullDiff() (any, error) {
	t, err := c.pullTips()
	if err != nil {
		return nil, err
	}
	args := []string{"diff", t.mergeBase, t.head}
	if c.accepts("patch") {
		args = []string{"format-patch", "--stdout", t.mergeBase + ".." + t.head}
	}
	out, err := c.repo.git.git(c.ctx, "", args...)
	return text{"text/plain; charset=utf-8", out}, err
}

func (c *call) pullTips() (tips, error) {
	i, err := c.pullOf()
	if err != nil {
		return tips{}, err
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return i.pull.tips, nil
}

func listPulls(c *call) (any, error) {
	state, base := cmp.Or(c.query("state"), "open"), c.query("base")
	_, head, _ := strings.Cut(c.query("head"), ":")
	ascending := c.query("direction") == "asc"
	if sort := c.query("sort"); sort != "" && sort != "created" {
		c.server.wrong(c.req, "the fake sorts pull requests by created alone, not by %s", sort)
	}
	if err := c.repo.syncPulls(c.ctx, c.login, ""); err != nil {
		return nil, err
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	list := []pullJSON{}
	for _, number := range slices.Sorted(maps.Keys(c.repo.issues)) {
		i := c.repo.issues[number]
		if i.pull != nil && (state == "all" || i.state == state) && (base == "" || i.pull.base == base) && (head == "" || i.pull.head == head) {
			list = append(list, c.repo.pullJSON(i))
		}
	}
	if !ascending {
		slices.Reverse(list)
	}
	return page(c, list), nil
}

func createPull(c *call) (any, error) {
	var body struct {
		Title, Body, Head, Base string
		Draft                   bool
		MaintainerCanModify     *bool `json:"maintainer_can_modify"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	err := errors.Join(c.require("title", body.Title), c.require("head", body.Head), c.require("base", body.Base))
	if err != nil {
		return nil, err
	}
	number, err := c.repo.OpenPullAs(c.login, NewPull{body.Title, body.Body, body.Head, body.Base, body.Draft})
	if err != nil {
		return nil, err
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return c.repo.pullJSON(c.repo.issues[number]), nil
}

func editPull(c *call) (any, error) {
	var body struct {
		Title, Body, State, Base *string
		MaintainerCanModify      *bool `json:"maintainer_can_modify"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	return c.pullAnswer(func(i *issue) (any, error) {
		if err := c.mayEdit(i.author); err != nil {
			return nil, err
		}
		if body.Base != nil {
			i.pull.base = *body.Base
		}
		err := c.repo.edit(c.login, i, body.Title, body.Body, body.State)
		return c.repo.pullJSON(i), err
	})
}

func pullFiles(c *call) (any, error) {
	t, err := c.pullTips()
	if err != nil {
		return nil, err
	}
	files, err := c.repo.git.diff(c.ctx, t.mergeBase, t.head)
	if err != nil {
		return nil, err
	}
	return page(c, c.withURLs(files, t.head)), nil
}

func pullCommits(c *call) (any, error) {
	t, err := c.pullTips()
	if err != nil {
		return nil, err
	}
	out, err := c.repo.git.git(c.ctx, "", "rev-list", "--reverse", t.head, "^"+t.mergeBase)
	if err != nil {
		return nil, err
	}
	return c.commitsJSON(page(c, strings.Fields(out)))
}

func isMerged(c *call) (any, error) {
	return c.pullAnswer(func(i *issue) (any, error) {
		if !i.pull.merged {
			return nil, notFound()
		}
		return noContent()
	})
}
