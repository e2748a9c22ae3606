package github

import (
	"context"
	"slices"
	"strings"
	"time"
)

func statusRoutes() []route {
	const statuses = "/repos/{owner}/{repo}/statuses/{sha...}"
	return []route{
		{"POST", statuses, pushes, 201, createStatus},
		{"GET", statuses, reads, 200, func(c *call) (any, error) { return c.listStatuses(c.path("sha")) }},
	}
}

// Status is what a context says of a commit.
type Status struct {
	State       string `json:"state"` // error, failure, pending, success
	Context     string `json:"context"`
	Description string `json:"description"`
	TargetURL   string `json:"target_url"`
}

type statusJSON struct {
	Status
	ID        int64     `json:"id"`
	NodeID    string    `json:"node_id"`
	URL       string    `json:"url"`
	Creator   userJSON  `json:"creator"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// maxStatuses is how many statuses GitHub keeps of a commit and context.
const maxStatuses = 1000

var statusStates = []string{"error", "failure", "pending", "success"}

// StatusAs sets a status of a commit.
func (r *Repo) StatusAs(login, sha string, status Status) error {
	ctx, cancel := r.server.gitContext()
	defer cancel()
	_, err := r.setStatus(ctx, login, sha, status)
	return err
}

// Statuses returns the newest status of each context of a commit, by context.
func (r *Repo) Statuses(sha string) []Status {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	var list []Status
	for _, s := range newest(r.statuses[sha]) {
		list = append(list, s.Status)
	}
	return list
}

func (r *Repo) setStatus(ctx context.Context, login, sha string, status Status) (statusJSON, error) {
	found, ok, err := r.git.lookup(ctx, sha)
	if err != nil {
		return statusJSON{}, err
	}
	if !ok || found.Type != "commit" || found.SHA != sha {
		return statusJSON{}, unprocessable("No commit found for SHA: %s", sha)
	}
	if !slices.Contains(statusStates, status.State) {
		return statusJSON{}, invalid("Status", "state", "invalid")
	}
	if status.Context == "" {
		status.Context = "default"
	}
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	return r.addStatus(login, sha, status)
}

func (r *Repo) addStatus(login, sha string, status Status) (statusJSON, error) {
	same := 0
	for _, other := range r.statuses[sha] {
		if other.Context == status.Context {
			same++
		}
	}
	if same >= maxStatuses {
		return statusJSON{}, unprocessable("This SHA and context has reached the maximum number of statuses.")
	}
	id, now := r.server.nextID(), r.server.now()
	s := statusJSON{
		Status: status, ID: id, NodeID: nodeID("SC", id), URL: r.apiURL() + "/statuses/" + sha,
		Creator: r.server.userJSON(login), CreatedAt: now, UpdatedAt: now,
	}
	r.statuses[sha] = append(r.statuses[sha], s)
	r.emit("status", login, event{
		"id": id, "sha": sha, "name": r.FullName(), "state": s.State, "context": s.Context,
		"description": s.Description, "target_url": s.TargetURL, "created_at": now, "updated_at": now,
		"commit": map[string]string{"sha": sha, "url": r.apiURL() + "/commits/" + sha}, "branches": []any{},
	})
	return s, nil
}

func createStatus(c *call) (any, error) {
	var body Status
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if err := c.require("state", body.State); err != nil {
		return nil, err
	}
	return c.repo.setStatus(c.ctx, c.login, c.path("sha"), body)
}

// newest keeps the last status of each context, in the order of the contexts' names.
func newest(all []statusJSON) []statusJSON {
	list := []statusJSON{}
	for _, s := range slices.Backward(all) {
		if !slices.ContainsFunc(list, func(o statusJSON) bool { return o.Context == s.Context }) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b statusJSON) int { return strings.Compare(a.Context, b.Context) })
	return list
}

func (c *call) statusesOf(ref string) (string, []statusJSON, error) {
	sha, err := c.repo.git.resolve(c.ctx, ref)
	if err != nil {
		return "", nil, err
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return sha, slices.Clone(c.repo.statuses[sha]), nil
}

// listStatuses answers every status of a ref, the newest first.
func (c *call) listStatuses(ref string) (any, error) {
	_, all, err := c.statusesOf(ref)
	if err != nil {
		return nil, err
	}
	slices.Reverse(all)
	return page(c, all), nil
}

func (c *call) combinedStatus(ref string) (any, error) {
	sha, all, err := c.statusesOf(ref)
	if err != nil {
		return nil, err
	}
	latest := newest(all)
	return struct {
		State      string       `json:"state"`
		SHA        string       `json:"sha"`
		TotalCount int          `json:"total_count"`
		Statuses   []statusJSON `json:"statuses"`
		Repository repoJSON     `json:"repository"`
		CommitURL  string       `json:"commit_url"`
		URL        string       `json:"url"`
	}{
		combine(latest), sha, len(latest), page(c, latest), c.repo.json(c.login),
		c.repoURL("/commits/%s", sha), c.repoURL("/commits/%s/status", sha),
	}, nil
}

// combine is failure if any context fails, pending while any is or there is none, else success.
func combine(latest []statusJSON) string {
	state := "success"
	if len(latest) == 0 {
		state = "pending"
	}
	for _, s := range latest {
		switch s.State {
		case "error", "failure":
			return "failure"
		case "pending":
			state = "pending"
		}
	}
	return state
}
