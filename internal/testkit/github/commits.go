package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

func commitRoutes() []route {
	const repo = "/repos/{owner}/{repo}"
	return []route{
		{"GET", repo + "/commits", reads, 200, listCommits},
		{"GET", repo + "/commits/{ref...}", reads, 200, commitOrStatus},
		{"GET", repo + "/compare/{range...}", reads, 200, compare},
	}
}

// resolve finds the commit that a person means: a full or short hash, a branch, or a tag.
func (g *gitRepo) resolve(ctx context.Context, name string) (string, error) {
	if !literal(name) || name == "" {
		return "", unprocessable("No commit found for SHA: %s", name)
	}
	var names []string
	for _, prefix := range []string{"refs/heads/", "refs/tags/", "refs/", ""} {
		names = append(names, prefix+name+"^{commit}")
	}
	found, ok, err := g.lookup(ctx, names...)
	if err == nil && !ok {
		err = unprocessable("No commit found for SHA: %s", name)
	}
	return found.SHA, err
}

// commitJSON is a commit as the repository shows it.
type commitJSON struct {
	SHA       string        `json:"sha"`
	NodeID    string        `json:"node_id"`
	URL       string        `json:"url"`
	HTMLURL   string        `json:"html_url"`
	Commit    gitCommitJSON `json:"commit"`
	Author    userJSON      `json:"author"`
	Committer userJSON      `json:"committer"`
	Parents   []parentJSON  `json:"parents"`
	Stats     *statsJSON    `json:"stats,omitempty"`
	Files     []changedFile `json:"files,omitempty"`
}

type statsJSON struct {
	Additions int `json:"additions"`
	Deletions int `json:"deletions"`
	Total     int `json:"total"`
}

func (c *call) commitJSON(sha string) (commitJSON, error) {
	content, err := c.repo.git.read(c.ctx, "commit", sha)
	if err != nil {
		return commitJSON{}, err
	}
	git := c.gitCommitJSON(sha, content)
	return commitJSON{
		SHA: sha, NodeID: git.NodeID, URL: c.repoURL("/commits/%s", sha), HTMLURL: git.HTMLURL, Commit: git,
		Author: c.server.userJSON(git.Author.Name), Committer: c.server.userJSON(git.Committer.Name), Parents: git.Parents,
	}, nil
}

func (c *call) commitsJSON(shas []string) ([]commitJSON, error) {
	list := []commitJSON{}
	for _, sha := range shas {
		commit, err := c.commitJSON(sha)
		if err != nil {
			return nil, err
		}
		list = append(list, commit)
	}
	return list, nil
}

func listCommits(c *call) (any, error) {
	from, path := c.query("sha"), c.query("path")
	if from == "" {
		from = c.repo.options.DefaultBranch
	}
	sha, err := c.repo.git.resolve(c.ctx, from)
	if err != nil {
		return nil, notFound()
	}
	args := []string{"rev-list", sha}
	if path != "" {
		args = append(args, "--", path)
	}
	out, err := c.repo.git.git(c.ctx, "", args...)
	if err != nil {
		return nil, err
	}
	return c.commitsJSON(page(c, strings.Fields(out)))
}

// commitOrStatus serves what lies below /commits/: a ref's name may hold slashes, so
// that only the path's end tells what is asked for.
func commitOrStatus(c *call) (any, error) {
	ref := c.path("ref")
	if name, ok := strings.CutSuffix(ref, "/status"); ok {
		return c.combinedStatus(name)
	}
	if name, ok := strings.CutSuffix(ref, "/statuses"); ok {
		return c.listStatuses(name)
	}
	sha, err := c.repo.git.resolve(c.ctx, ref)
	if err != nil {
		return nil, err
	}
	if c.accepts("sha") {
		return text{"application/vnd.github.sha; charset=utf-8", sha}, nil
	}
	return c.fullCommit(sha)
}

func (c *call) fullCommit(sha string) (any, error) {
	commit, err := c.commitJSON(sha)
	if err != nil {
		return nil, err
	}
	parent := ""
	if len(commit.Parents) > 0 {
		parent = commit.Parents[0].SHA
	}
	files, err := c.repo.git.diff(c.ctx, parent, sha)
	if err != nil {
		return nil, err
	}
	commit.Files, commit.Stats = c.withURLs(files, sha), stats(files)
	return commit, nil
}

func stats(files []changedFile) *statsJSON {
	var s statsJSON
	for _, file := range files {
		s.Additions += file.Additions
		s.Deletions += file.Deletions
	}
	s.Total = s.Additions + s.Deletions
	return &s
}

// accepts says whether the caller asks for a media type of GitHub's: sha, diff, patch.
func (c *call) accepts(kind string) bool {
	accept := c.req.Header.Get("Accept")
	return strings.HasPrefix(accept, "application/vnd.github.") &&
		(strings.HasSuffix(accept, "."+kind) || strings.HasSuffix(accept, "v3."+kind))
}

// text is an answer that is no JSON.
type text struct{ contentType, body string }

func (t text) writeTo(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", t.contentType)
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, t.body)
}

type compareJSON struct {
	URL          string        `json:"url"`
	HTMLURL      string        `json:"html_url"`
	Status       string        `json:"status"` // identical, ahead, behind, diverged
	AheadBy      int           `json:"ahead_by"`
	BehindBy     int           `json:"behind_by"`
	TotalCommits int           `json:"total_commits"`
	BaseCommit   commitJSON    `json:"base_commit"`
	MergeBase    commitJSON    `json:"merge_base_commit"`
	Commits      []commitJSON  `json:"commits"`
	Files        []changedFile `json:"files"`
}

func compare(c *call) (any, error) {
	from, to, found := strings.Cut(c.path("range"), "...")
	if !found {
		c.server.wrong(c.req, "compare wants BASE...HEAD")
		return nil, notFound()
	}
	git := c.repo.git
	base, errBase := git.resolve(c.ctx, from)
	head, errHead := git.resolve(c.ctx, to)
	if errBase != nil || errHead != nil {
		return nil, notFound()
	}
	mergeBase, err := git.git(c.ctx, "", "merge-base", base, head)
	if err != nil {
		return nil, &apiError{status: http.StatusNotFound, message: fmt.Sprintf("No common ancestor between %s and %s.", from, to)}
	}
	return c.comparison(base, head, trimLine(mergeBase))
}

func (c *call) comparison(base, head, mergeBase string) (any, error) {
	ahead, err := c.repo.git.git(c.ctx, "", "rev-list", "--reverse", head, "^"+base)
	if err != nil {
		return nil, err
	}
	behind, err := c.repo.git.git(c.ctx, "", "rev-list", base, "^"+head)
	if err != nil {
		return nil, err
	}
	files, err := c.repo.git.diff(c.ctx, mergeBase, head)
	if err != nil {
		return nil, err
	}
	aheadBy, behindBy := strings.Fields(ahead), len(strings.Fields(behind))
	result := compareJSON{
		URL: c.repoURL("/compare/%s", c.path("range")), HTMLURL: c.repo.page("/compare/%s", c.path("range")),
		Status: relation(len(aheadBy), behindBy), AheadBy: len(aheadBy), BehindBy: behindBy,
		TotalCommits: len(aheadBy), Files: append([]changedFile{}, c.withURLs(files, head)...),
	}
	if result.BaseCommit, err = c.commitJSON(base); err != nil {
		return nil, err
	}
	if result.MergeBase, err = c.commitJSON(mergeBase); err != nil {
		return nil, err
	}
	result.Commits, err = c.commitsJSON(page(c, aheadBy))
	return result, err
}

// relation is what GitHub calls the head seen from the base.
func relation(ahead, behind int) string {
	switch {
	case ahead > 0 && behind > 0:
		return "diverged"
	case ahead > 0:
		return "ahead"
	case behind > 0:
		return "behind"
	}
	return "identical"
}
