package github

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

func issueRoutes() []route {
	const issue = "/repos/{owner}/{repo}/issues"
	return []route{
		{"GET", issue, reads, 200, listIssues},
		{"POST", issue, comments, 201, createIssue},
		{"GET", issue + "/{number}", reads, 200, getIssue},
		{"PATCH", issue + "/{number}", comments, 200, editIssue},
		{"POST", issue + "/{number}/assignees", triages, 201, addAssignees},
		{"DELETE", issue + "/{number}/assignees", triages, 200, removeAssignees},
	}
}

// issue is an issue or, with a pull, a pull request. The server's lock guards it.
type issue struct {
	id                  int64
	number              int
	author, title, body string
	state               string // open or closed
	labels, assignees   []string
	created, updated    time.Time
	closed              *time.Time
	comments            int
	pull                *pull
}

type issueJSON struct {
	ID          int64         `json:"id"`
	NodeID      string        `json:"node_id"`
	Number      int           `json:"number"`
	Title       string        `json:"title"`
	Body        string        `json:"body"`
	State       string        `json:"state"`
	User        userJSON      `json:"user"`
	Labels      []labelJSON   `json:"labels"`
	Assignees   []userJSON    `json:"assignees"`
	Comments    int           `json:"comments"`
	CreatedAt   time.Time     `json:"created_at"`
	UpdatedAt   time.Time     `json:"updated_at"`
	ClosedAt    *time.Time    `json:"closed_at"`
	URL         string        `json:"url"`
	HTMLURL     string        `json:"html_url"`
	PullRequest *pullLinkJSON `json:"pull_request,omitempty"`
}

type pullLinkJSON struct {
	URL     string `json:"url"`
	HTMLURL string `json:"html_url"`
}

func (r *Repo) apiURL() string { return r.server.URL() + "/repos/" + r.FullName() }

// issueJSON describes an issue; the server's lock is held.
func (r *Repo) issueJSON(i *issue) issueJSON {
	j := issueJSON{
		ID: i.id, NodeID: nodeID("I", i.id), Number: i.number, Title: i.title, Body: i.body, State: i.state,
		User: r.server.userJSON(i.author), Labels: r.labelsJSON(i.labels), Assignees: r.usersJSON(i.assignees),
		Comments: i.comments, CreatedAt: i.created, UpdatedAt: i.updated, ClosedAt: i.closed,
		URL: r.apiURL() + "/issues/" + itoa(i.number), HTMLURL: r.page("/%s/%d", i.kind(), i.number),
	}
	if i.pull != nil {
		j.PullRequest = &pullLinkJSON{URL: r.apiURL() + "/pulls/" + itoa(i.number), HTMLURL: j.HTMLURL}
	}
	return j
}

func (i *issue) kind() string {
	if i.pull != nil {
		return "pull"
	}
	return "issues"
}

func (r *Repo) usersJSON(logins []string) []userJSON {
	list := []userJSON{}
	for _, login := range logins {
		list = append(list, r.server.userJSON(login))
	}
	return list
}

// newIssue makes an open issue with the next number; the server's lock is held.
func (r *Repo) newIssue(login, title, body string) *issue {
	now := r.server.now()
	i := &issue{
		id: r.server.nextID(), number: len(r.issues) + 1, author: login, title: title, body: body,
		state: "open", created: now, updated: now,
	}
	r.issues[i.number] = i
	return i
}

// withIssue runs do with the server locked and the issue of the number.
func (r *Repo) withIssue(number int, do func(*issue) error) error {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	i, ok := r.issues[number]
	if !ok {
		return notFound()
	}
	return do(i)
}

// issue runs do on the issue that the path names, and answers what do returns.
func (c *call) issue(do func(*issue) (any, error)) (result any, err error) {
	number, err := c.number("number")
	if err != nil {
		return nil, err
	}
	err = c.repo.withIssue(number, func(i *issue) error {
		result, err = do(i)
		return err
	})
	return result, err
}

func getIssue(c *call) (any, error) {
	return c.issue(func(i *issue) (any, error) { return c.repo.issueJSON(i), nil })
}

func listIssues(c *call) (any, error) {
	state := cmp.Or(c.query("state"), "open")
	labels := strings.FieldsFunc(c.query("labels"), func(r rune) bool { return r == ',' })
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	list := []issueJSON{}
	for _, number := range slices.Backward(slices.Sorted(maps.Keys(c.repo.issues))) {
		i := c.repo.issues[number]
		if (state == "all" || i.state == state) && !slices.ContainsFunc(labels, func(l string) bool { return !i.has(l) }) {
			list = append(list, c.repo.issueJSON(i))
		}
	}
	return page(c, list), nil
}

func createIssue(c *call) (any, error) {
	var body struct {
		Title, Body       string
		Labels, Assignees []string
		Milestone         *int
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if err := c.require("title", body.Title); err != nil {
		return nil, err
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	i := c.repo.newIssue(c.login, body.Title, body.Body)
	c.repo.emit("issues", c.login, event{"action": "opened", "issue": c.repo.issueJSON(i)})
	c.repo.label(c.login, i, body.Labels...)
	i.assignees = body.Assignees
	return c.repo.issueJSON(i), nil
}

// issueEdit is what PATCH may change of an issue.
type issueEdit struct {
	Title, Body, State *string
	StateReason        *string `json:"state_reason"`
	Labels, Assignees  *[]string
	Milestone          *int
}

func editIssue(c *call) (any, error) {
	var body issueEdit
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	return c.issue(func(i *issue) (any, error) {
		if err := c.mayEdit(i.author); err != nil {
			return nil, err
		}
		if err := c.repo.edit(c.login, i, body.Title, body.Body, body.State); err != nil {
			return nil, err
		}
		if body.Labels != nil {
			c.repo.relabel(c.login, i, *body.Labels)
		}
		if body.Assignees != nil {
			i.assignees = *body.Assignees
		}
		return c.repo.issueJSON(i), nil
	})
}

// mayEdit lets authors change what they wrote, and those who may push everything.
func (c *call) mayEdit(author string) error {
	if strings.EqualFold(author, c.login) || c.repo.may(c.login, pushes) {
		return nil
	}
	return &apiError{status: http.StatusForbidden, message: "Must have admin rights to Repository."}
}

// edit changes the texts and the state; the server's lock is held.
func (r *Repo) edit(login string, i *issue, title, body, state *string) error {
	if state != nil && *state != "open" && *state != "closed" {
		return invalid("Issue", "state", "invalid")
	}
	changes := map[string]any{}
	change := func(name string, have *string, want *string) {
		if want != nil && *want != *have {
			changes[name] = map[string]string{"from": *have}
			*have, i.updated = *want, r.server.now()
		}
	}
	change("title", &i.title, title)
	change("body", &i.body, body)
	if len(changes) > 0 {
		r.emitIssue(login, i, "edited", event{"changes": changes})
	}
	if state != nil && *state != i.state {
		r.setState(login, i, *state)
	}
	return nil
}

func (r *Repo) setState(login string, i *issue, state string) {
	i.state, i.updated, i.closed = state, r.server.now(), nil
	action := "reopened"
	if state == "closed" {
		closed := i.updated
		i.closed, action = &closed, "closed"
	}
	r.emitIssue(login, i, action, event{})
}

// emitIssue sends what happened to an issue, or to a pull request; the lock is held.
func (r *Repo) emitIssue(login string, i *issue, action string, e event) {
	e = maps.Clone(e)
	e["action"] = action
	if i.pull == nil {
		e["issue"] = r.issueJSON(i)
		r.emit("issues", login, e)
		return
	}
	e["number"] = i.number
	e["pull_request"] = r.pullJSON(i)
	r.emit("pull_request", login, e)
}
