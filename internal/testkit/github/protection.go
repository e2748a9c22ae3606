package github

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// Protection is what a branch is protected by. The server keeps it and answers it;
// it does not enforce it.
type Protection struct {
	Checks        *RequiredChecks   // nil requires no context
	EnforceAdmins bool              // administrators are bound too
	Reviews       *RequiredReviews  // nil requires none
	Restrictions  *PushRestrictions // nil lets everybody push who may write
	LinearHistory bool
	ForcePushes   bool // are allowed
	Deletions     bool // are allowed
}

// RequiredChecks are the contexts that must be green before a merge.
type RequiredChecks struct {
	Strict   bool     `json:"strict"` // the head must have the base's last commit
	Contexts []string `json:"contexts"`
}

// RequiredReviews are the reviews that a merge takes.
type RequiredReviews struct {
	DismissStale  bool `json:"dismiss_stale_reviews"`
	RequireOwners bool `json:"require_code_owner_reviews"`
	Approvals     int  `json:"required_approving_review_count"`
}

// PushRestrictions are who may push, and so merge: logins and slugs of teams.
type PushRestrictions struct {
	Users []string `json:"users"`
	Teams []string `json:"teams"`
	Apps  []string `json:"apps"`
}

func protectionRoutes() []route {
	const path = "/repos/{owner}/{repo}/branches/{branch}/protection"
	return []route{
		{"GET", path, administers, 200, getProtection},
		{"PUT", path, administers, 200, putProtection},
		{"DELETE", path, administers, 204, deleteProtection},
	}
}

// Protection is what a branch is protected by now, and whether it is.
func (r *Repo) Protection(branch string) (Protection, bool) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	p, ok := r.protections[branch]
	return p, ok
}

// Protect protects a branch, as an administrator does by hand.
func (r *Repo) Protect(branch string, p Protection) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.protections[branch] = p
}

// Unprotect takes a branch's protection away, as an administrator does by hand.
func (r *Repo) Unprotect(branch string) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	delete(r.protections, branch)
}

func (r *Repo) isProtected(branch string) bool {
	_, ok := r.Protection(branch)
	return ok
}

// branch is the branch that the path names.
func (c *call) branch() (string, error) {
	name := c.path("branch")
	_, ok, err := c.repo.git.ref(c.ctx, "refs/heads/"+name)
	if err == nil && !ok {
		err = &apiError{status: http.StatusNotFound, message: "Branch not found"}
	}
	return name, err
}

func notProtected() *apiError {
	return &apiError{status: http.StatusNotFound, message: "Branch not protected"}
}

func getProtection(c *call) (any, error) {
	name, err := c.branch()
	if err != nil {
		return nil, err
	}
	p, ok := c.repo.Protection(name)
	if !ok {
		return nil, notProtected()
	}
	return c.protectionJSON(name, p), nil
}

func deleteProtection(c *call) (any, error) {
	name, err := c.branch()
	if err != nil {
		return nil, err
	}
	if !c.repo.isProtected(name) {
		return nil, notProtected()
	}
	c.repo.Unprotect(name)
	return noContent()
}

// protectionRequest is the body that sets a protection. GitHub wants the first four
// to be there, as null if they are not wanted.
type protectionRequest struct {
	Checks        json.RawMessage `json:"required_status_checks"`
	EnforceAdmins json.RawMessage `json:"enforce_admins"`
	Reviews       json.RawMessage `json:"required_pull_request_reviews"`
	Restrictions  json.RawMessage `json:"restrictions"`
	LinearHistory bool            `json:"required_linear_history"`
	ForcePushes   bool            `json:"allow_force_pushes"`
	Deletions     bool            `json:"allow_deletions"`
}

func putProtection(c *call) (any, error) {
	name, err := c.branch()
	if err != nil {
		return nil, err
	}
	var body protectionRequest
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	p := Protection{LinearHistory: body.LinearHistory, ForcePushes: body.ForcePushes, Deletions: body.Deletions}
	var admins *bool
	for _, field := range []struct {
		name string
		raw  json.RawMessage
		into any
	}{
		{"required_status_checks", body.Checks, &p.Checks},
		{"enforce_admins", body.EnforceAdmins, &admins},
		{"required_pull_request_reviews", body.Reviews, &p.Reviews},
		{"restrictions", body.Restrictions, &p.Restrictions},
	} {
		if err := c.protectionField(field.name, field.raw, field.into); err != nil {
			return nil, err
		}
	}
	p.EnforceAdmins = admins != nil && *admins
	p.Restrictions = c.repo.whoMayPush(p.Restrictions)
	c.repo.Protect(name, p)
	return c.protectionJSON(name, p), nil
}

// protectionField reads one of the fields that may be null but not missing.
func (c *call) protectionField(name string, raw json.RawMessage, into any) error {
	if err := c.require(name, string(raw)); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		c.server.wrong(c.req, "bad body: %s: %v", name, err)
		return unprocessable("Invalid request.\n\n%s is of the wrong form.", name)
	}
	return nil
}

// whoMayPush leaves out, without a word as GitHub does, who is unknown or may not write.
func (r *Repo) whoMayPush(asked *PushRestrictions) *PushRestrictions {
	if asked == nil {
		return nil
	}
	may := PushRestrictions{Users: []string{}, Teams: []string{}, Apps: []string{}}
	for _, login := range asked.Users {
		if r.server.known(login) && r.may(login, pushes) {
			may.Users = append(may.Users, login)
		}
	}
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	for _, t := range r.server.org(r.Org).teams {
		if slices.Contains(asked.Teams, t.slug) {
			may.Teams = append(may.Teams, t.slug)
		}
	}
	return &may
}

type enabledJSON struct {
	Enabled bool `json:"enabled"`
}

func (c *call) protectionJSON(branch string, p Protection) map[string]any {
	url := c.repoURL("/branches/%s/protection", branch)
	answer := map[string]any{
		"url":                     url,
		"enforce_admins":          map[string]any{"url": url + "/enforce_admins", "enabled": p.EnforceAdmins},
		"required_linear_history": enabledJSON{p.LinearHistory},
		"allow_force_pushes":      enabledJSON{p.ForcePushes},
		"allow_deletions":         enabledJSON{p.Deletions},
	}
	if p.Checks != nil {
		answer["required_status_checks"] = struct {
			URL string `json:"url"`
			RequiredChecks
		}{url + "/required_status_checks", *p.Checks}
	}
	if p.Reviews != nil {
		answer["required_pull_request_reviews"] = *p.Reviews
	}
	if p.Restrictions != nil {
		answer["restrictions"] = c.restrictionsJSON(*p.Restrictions)
	}
	return answer
}

func (c *call) restrictionsJSON(r PushRestrictions) map[string]any {
	users, teams := []userJSON{}, []teamJSON{}
	for _, login := range r.Users {
		users = append(users, c.server.userJSON(login))
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	o := c.server.org(c.repo.Org)
	for _, t := range o.teams {
		if slices.Contains(r.Teams, t.slug) {
			teams = append(teams, c.teamJSON(o, t))
		}
	}
	return map[string]any{"users": users, "teams": teams, "apps": []any{}}
}

// listOrgRepos lists an organization's repositories that the caller may see.
func listOrgRepos(c *call) (any, error) {
	c.query("type")
	list := []repoJSON{}
	known := false
	for _, r := range c.server.allRepos() {
		if strings.EqualFold(r.Org, c.path("org")) {
			known = true
			if r.may(c.login, reads) {
				list = append(list, r.json(c.login))
			}
		}
	}
	if !known {
		return c.org(func(*org) (any, error) { return list, nil })
	}
	return page(c, list), nil
}

func (s *Server) allRepos() []*Repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*Repo
	for _, r := range s.repos {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *Repo) int { return strings.Compare(a.FullName(), b.FullName()) })
	return all
}
