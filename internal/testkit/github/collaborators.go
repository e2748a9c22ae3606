package github

import (
	"maps"
	"slices"
	"strings"
)

// isCollaborator says whether a user was let into the repository; the server's lock is held.
func (r *Repo) isCollaborator(login string) bool {
	if r.server.isMember(r.Org, login) || r.options.Collaborators == nil && r.server.known(login) {
		return true
	}
	return slices.ContainsFunc(slices.Collect(maps.Keys(r.options.Collaborators)), func(name string) bool {
		return strings.EqualFold(name, login)
	})
}

func (s *Server) isMember(organization, login string) bool {
	o := s.orgs[strings.ToLower(organization)]
	return o != nil && o.members[strings.ToLower(login)] != ""
}

// association is a user's author_association; the server's lock is held.
func (r *Repo) association(login string) string {
	switch {
	case r.server.isMember(r.Org, login):
		return "MEMBER"
	case r.isCollaborator(login):
		return "COLLABORATOR"
	}
	return "NONE"
}

type collaboratorJSON struct {
	userJSON
	Permissions map[string]bool `json:"permissions"`
	RoleName    string          `json:"role_name"`
}

func listCollaborators(c *call) (any, error) {
	c.query("affiliation")
	c.query("permission")
	list := []collaboratorJSON{}
	for _, login := range c.repo.collaborators() {
		permission := c.repo.permission(login)
		list = append(list, collaboratorJSON{c.server.userJSON(login), permissionFlags(permission), permission})
	}
	return page(c, list), nil
}

func (r *Repo) collaborators() []string {
	if r.options.Collaborators != nil {
		return slices.Sorted(maps.Keys(r.options.Collaborators))
	}
	return r.server.logins()
}

func checkCollaborator(c *call) (any, error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if !c.repo.isCollaborator(c.path("login")) {
		return nil, &apiError{status: 404, message: c.path("login") + " is not a user"}
	}
	return noContent()
}

// getPermission tells a permission in the old four words, and the role by its own name.
func getPermission(c *call) (any, error) {
	login := c.path("login")
	role := c.repo.permission(login)
	permission := role
	switch role {
	case "maintain":
		permission = "write"
	case "triage":
		permission = "read"
	}
	return struct {
		Permission string           `json:"permission"`
		RoleName   string           `json:"role_name"`
		User       collaboratorJSON `json:"user"`
	}{permission, role, collaboratorJSON{c.server.userJSON(login), permissionFlags(role), role}}, nil
}
