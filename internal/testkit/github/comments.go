package github

import (
	"slices"
	"strconv"
	"time"
)

func commentRoutes() []route {
	const issues = "/repos/{owner}/{repo}/issues"
	return []route{
		{"GET", issues + "/{number}/comments", reads, 200, listComments},
		{"POST", issues + "/{number}/comments", comments, 201, createComment},
		{"GET", issues + "/comments/{id}", reads, 200, getComment},
		{"PATCH", issues + "/comments/{id}", comments, 200, editComment},
		{"DELETE", issues + "/comments/{id}", comments, 204, deleteComment},
	}
}

type comment struct {
	id               int64
	issue            int
	author, body     string
	created, updated time.Time
}

type commentJSON struct {
	ID                int64     `json:"id"`
	NodeID            string    `json:"node_id"`
	Body              string    `json:"body"`
	User              userJSON  `json:"user"`
	CreatedAt         time.Time `json:"created_at"`
	UpdatedAt         time.Time `json:"updated_at"`
	AuthorAssociation string    `json:"author_association"`
	URL               string    `json:"url"`
	HTMLURL           string    `json:"html_url"`
	IssueURL          string    `json:"issue_url"`
}

// commentBody is what a client sends: the body, and what Prow's client adds of its
// own empty fields, which GitHub ignores.
type commentBody struct {
	Body      string
	User      any
	CreatedAt any `json:"created_at"`
	UpdatedAt any `json:"updated_at"`
}

func itoa(n int) string { return strconv.Itoa(n) }

func (r *Repo) commentJSON(m *comment) commentJSON {
	return commentJSON{
		ID: m.id, NodeID: nodeID("IC", m.id), Body: m.body, User: r.server.userJSON(m.author),
		CreatedAt: m.created, UpdatedAt: m.updated, AuthorAssociation: r.association(m.author),
		URL:      r.apiURL() + "/issues/comments/" + strconv.FormatInt(m.id, 10),
		HTMLURL:  r.page("/%s/%d#issuecomment-%d", r.issues[m.issue].kind(), m.issue, m.id),
		IssueURL: r.apiURL() + "/issues/" + itoa(m.issue),
	}
}

// CommentAs writes a comment on an issue or pull request, and returns its id.
func (r *Repo) CommentAs(login string, number int, body string) (int64, error) {
	var id int64
	err := r.withIssue(number, func(i *issue) error {
		id = r.comment(login, i, body).id
		return nil
	})
	return id, err
}

// EditCommentAs changes a comment's text.
func (r *Repo) EditCommentAs(login string, id int64, body string) error {
	return r.withComment(id, func(m *comment) error {
		r.rewrite(login, m, body)
		return nil
	})
}

// DeleteCommentAs removes a comment.
func (r *Repo) DeleteCommentAs(login string, id int64) error {
	return r.withComment(id, func(m *comment) error {
		r.uncomment(login, m)
		return nil
	})
}

// comment adds a comment; the server's lock is held, as in the next three.
func (r *Repo) comment(login string, i *issue, body string) *comment {
	now := r.server.now()
	m := &comment{id: r.server.nextID(), issue: i.number, author: login, body: body, created: now, updated: now}
	r.comments = append(r.comments, m)
	i.comments++
	i.updated = now
	r.emitComment(login, m, "created", event{})
	return m
}

func (r *Repo) rewrite(login string, m *comment, body string) {
	from := m.body
	m.body, m.updated = body, r.server.now()
	r.emitComment(login, m, "edited", event{"changes": map[string]any{"body": map[string]string{"from": from}}})
}

func (r *Repo) uncomment(login string, m *comment) {
	r.comments = slices.DeleteFunc(r.comments, func(other *comment) bool { return other == m })
	r.issues[m.issue].comments--
	r.emitComment(login, m, "deleted", event{})
}

func (r *Repo) emitComment(login string, m *comment, action string, e event) {
	e["action"] = action
	e["issue"] = r.issueJSON(r.issues[m.issue])
	e["comment"] = r.commentJSON(m)
	r.emit("issue_comment", login, e)
}

func (r *Repo) withComment(id int64, do func(*comment) error) error {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	for _, m := range r.comments {
		if m.id == id {
			return do(m)
		}
	}
	return notFound()
}

func listComments(c *call) (any, error) {
	return c.issue(func(i *issue) (any, error) {
		list := []commentJSON{}
		for _, m := range c.repo.comments {
			if m.issue == i.number {
				list = append(list, c.repo.commentJSON(m))
			}
		}
		return page(c, list), nil
	})
}

func (c *call) commentText() (string, error) {
	var body commentBody
	if err := c.decode(&body); err != nil {
		return "", err
	}
	return body.Body, c.require("body", body.Body)
}

func createComment(c *call) (any, error) {
	body, err := c.commentText()
	if err != nil {
		return nil, err
	}
	return c.issue(func(i *issue) (any, error) {
		return c.repo.commentJSON(c.repo.comment(c.login, i, body)), nil
	})
}

// comment runs do on the comment that the path names.
func (c *call) comment(do func(*comment) error) error {
	id, err := c.number("id")
	if err != nil {
		return err
	}
	return c.repo.withComment(int64(id), do)
}

func getComment(c *call) (result any, err error) {
	err = c.comment(func(m *comment) error {
		result = c.repo.commentJSON(m)
		return nil
	})
	return result, err
}

func editComment(c *call) (result any, err error) {
	body, err := c.commentText()
	if err != nil {
		return nil, err
	}
	err = c.comment(func(m *comment) error {
		if err := c.mayEdit(m.author); err != nil {
			return err
		}
		c.repo.rewrite(c.login, m, body)
		result = c.repo.commentJSON(m)
		return nil
	})
	return result, err
}

func deleteComment(c *call) (any, error) {
	return nil, c.comment(func(m *comment) error {
		if err := c.mayEdit(m.author); err != nil {
			return err
		}
		c.repo.uncomment(c.login, m)
		return nil
	})
}
