package github

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

func labelRoutes() []route {
	const repo = "/repos/{owner}/{repo}"
	const issue = repo + "/issues/{number}/labels"
	return []route{
		{"GET", repo + "/labels", reads, 200, listLabels},
		{"POST", repo + "/labels", pushes, 201, createLabel},
		{"GET", repo + "/labels/{name...}", reads, 200, getLabel},
		{"PATCH", repo + "/labels/{name...}", pushes, 200, editLabel},
		{"DELETE", repo + "/labels/{name...}", pushes, 204, deleteLabel},
		{"GET", issue, reads, 200, issueLabels},
		{"POST", issue, triages, 200, addIssueLabels},
		{"PUT", issue, triages, 200, replaceIssueLabels},
		{"DELETE", issue, triages, 204, clearIssueLabels},
		{"DELETE", issue + "/{name...}", triages, 200, removeIssueLabel},
	}
}

type labelJSON struct {
	ID          int64  `json:"id"`
	NodeID      string `json:"node_id"`
	URL         string `json:"url"`
	Name        string `json:"name"`
	Color       string `json:"color"`
	Description string `json:"description"`
	Default     bool   `json:"default"`
}

// labelNamed finds a label of the repository; GitHub does not tell upper from lower case.
func (r *Repo) labelNamed(name string) *labelJSON {
	for _, l := range r.labels {
		if strings.EqualFold(l.Name, name) {
			return l
		}
	}
	return nil
}

// addLabel makes a label of the repository; the server's lock is held.
func (r *Repo) addLabel(name, color, description string) *labelJSON {
	id := r.server.nextID()
	l := &labelJSON{
		ID: id, NodeID: nodeID("LA", id), URL: r.apiURL() + "/labels/" + name,
		Name: name, Color: color, Description: description,
	}
	r.labels = append(r.labels, l)
	return l
}

func (r *Repo) labelsJSON(names []string) []labelJSON {
	list := []labelJSON{}
	for _, name := range names {
		if l := r.labelNamed(name); l != nil {
			list = append(list, *l)
		}
	}
	return list
}

func (i *issue) has(label string) bool {
	return slices.ContainsFunc(i.labels, func(l string) bool { return strings.EqualFold(l, label) })
}

// label puts labels on an issue and makes those that the repository lacks, as GitHub
// does; the server's lock is held, as in the next two.
func (r *Repo) label(login string, i *issue, names ...string) {
	for _, name := range names {
		l := r.labelNamed(name)
		if l == nil {
			l = r.addLabel(name, "ededed", "")
		}
		if !i.has(name) {
			i.labels = append(i.labels, l.Name)
			r.emitIssue(login, i, "labeled", event{"label": *l})
		}
	}
}

func (r *Repo) unlabel(login string, i *issue, name string) error {
	at := slices.IndexFunc(i.labels, func(l string) bool { return strings.EqualFold(l, name) })
	if at < 0 {
		return &apiError{status: http.StatusNotFound, message: "Label does not exist"}
	}
	l := r.labelNamed(name)
	i.labels = slices.Delete(i.labels, at, at+1)
	r.emitIssue(login, i, "unlabeled", event{"label": *l})
	return nil
}

func (r *Repo) relabel(login string, i *issue, names []string) {
	for _, have := range slices.Clone(i.labels) {
		if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, have) }) {
			_ = r.unlabel(login, i, have) // it is there
		}
	}
	r.label(login, i, names...)
}

// LabelAs puts labels on an issue or pull request.
func (r *Repo) LabelAs(login string, number int, labels ...string) error {
	return r.withIssue(number, func(i *issue) error {
		r.label(login, i, labels...)
		return nil
	})
}

// UnlabelAs takes a label off an issue or pull request.
func (r *Repo) UnlabelAs(login string, number int, label string) error {
	return r.withIssue(number, func(i *issue) error { return r.unlabel(login, i, label) })
}

// Labels returns the labels of an issue or pull request.
func (r *Repo) Labels(number int) ([]string, error) {
	var labels []string
	err := r.withIssue(number, func(i *issue) error {
		labels = slices.Clone(i.labels)
		return nil
	})
	return labels, err
}

func listLabels(c *call) (any, error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	list := []labelJSON{}
	for _, l := range c.repo.labels {
		list = append(list, *l)
	}
	return page(c, list), nil
}

// labelBody is a label as clients send it; Prow and go-github add fields that GitHub ignores.
type labelBody struct {
	Name, Color, Description string
	NewName                  string `json:"new_name"`
	URL                      string
}

func createLabel(c *call) (any, error) {
	var body labelBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if err := c.require("name", body.Name); err != nil {
		return nil, err
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if c.repo.labelNamed(body.Name) != nil {
		return nil, invalid("Label", "name", "already_exists")
	}
	return *c.repo.addLabel(body.Name, body.Color, body.Description), nil
}

// repoLabel runs do, with the server locked, on the label that the path names.
func (c *call) repoLabel(do func(*labelJSON) any) (any, error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	l := c.repo.labelNamed(c.path("name"))
	if l == nil {
		return nil, notFound()
	}
	return do(l), nil
}

func getLabel(c *call) (any, error) { return c.repoLabel(func(l *labelJSON) any { return *l }) }

func editLabel(c *call) (any, error) {
	var body labelBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	return c.repoLabel(func(l *labelJSON) any {
		name := body.NewName
		if name == "" {
			name = body.Name
		}
		if name != "" {
			c.repo.renameLabel(l, name)
		}
		l.Color, l.Description = body.Color, body.Description
		return *l
	})
}

func (r *Repo) renameLabel(l *labelJSON, name string) {
	for _, i := range r.issues {
		if at := slices.Index(i.labels, l.Name); at >= 0 {
			i.labels[at] = name
		}
	}
	l.Name = name
}

func deleteLabel(c *call) (any, error) {
	return c.repoLabel(func(l *labelJSON) any {
		for _, i := range c.repo.issues {
			i.labels = slices.DeleteFunc(i.labels, func(name string) bool { return name == l.Name })
		}
		c.repo.labels = slices.DeleteFunc(c.repo.labels, func(other *labelJSON) bool { return other == l })
		return nil
	})
}

func issueLabels(c *call) (any, error) {
	return c.issue(func(i *issue) (any, error) { return page(c, c.repo.labelsJSON(i.labels)), nil })
}

// labelNames is a list of names, or an object that holds one: GitHub takes both.
type labelNames []string

func (n *labelNames) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, (*[]string)(n)) == nil {
		return nil
	}
	var object struct{ Labels []string }
	err := json.Unmarshal(data, &object)
	*n = object.Labels
	return err
}

func addIssueLabels(c *call) (any, error) {
	return c.changeLabels(func(i *issue, names []string) { c.repo.label(c.login, i, names...) })
}

func replaceIssueLabels(c *call) (any, error) {
	return c.changeLabels(func(i *issue, names []string) { c.repo.relabel(c.login, i, names) })
}

func (c *call) changeLabels(change func(*issue, []string)) (any, error) {
	var names labelNames
	if err := c.decode(&names); err != nil {
		return nil, err
	}
	return c.issue(func(i *issue) (any, error) {
		change(i, names)
		return c.repo.labelsJSON(i.labels), nil
	})
}

func clearIssueLabels(c *call) (any, error) {
	return c.issue(func(i *issue) (any, error) {
		c.repo.relabel(c.login, i, nil)
		return noContent()
	})
}

func removeIssueLabel(c *call) (any, error) {
	return c.issue(func(i *issue) (any, error) {
		err := c.repo.unlabel(c.login, i, c.path("name"))
		return c.repo.labelsJSON(i.labels), err
	})
}
