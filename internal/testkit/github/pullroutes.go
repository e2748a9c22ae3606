package github

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
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
