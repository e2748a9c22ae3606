package github

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

func orgRoutes() []route {
	const repo = "/repos/{owner}/{repo}"
	return []route{
		{"GET", "/orgs/{org}", reads, 200, getOrg},
		{"GET", "/orgs/{org}/members", reads, 200, listMembers},
		{"GET", "/orgs/{org}/members/{login}", reads, 204, checkMember},
		{"GET", "/orgs/{org}/memberships/{login}", knows, 200, getMembership},
		{"GET", "/orgs/{org}/teams", reads, 200, listTeams},
		{"GET", "/orgs/{org}/teams/{team}", reads, 200, getTeam},
		{"GET", "/orgs/{org}/teams/{team}/members", reads, 200, listTeamMembers},
		{"GET", "/orgs/{org}/teams/{team}/memberships/{login}", reads, 200, getTeamMembership},
		{"GET", repo + "/collaborators", reads, 200, listCollaborators},
		{"GET", repo + "/collaborators/{login}", reads, 204, checkCollaborator},
		{"GET", repo + "/collaborators/{login}/permission", reads, 200, getPermission},
	}
}

// org is an organization. The server's lock guards it.
type org struct {
	id      int64
	name    string
	members map[string]string // lower-case login → admin or member
	teams   []*team
}

type team struct {
	id      int64
	slug    string
	members []string
}

// AddMembers makes users members of an organization.
func (s *Server) AddMembers(organization string, logins ...string) {
	s.addMembers(organization, "member", logins)
}

// AddOwners makes users owners (admins) of an organization.
func (s *Server) AddOwners(organization string, logins ...string) {
	s.addMembers(organization, "admin", logins)
}

func (s *Server) addMembers(organization, role string, logins []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.org(organization)
	for _, login := range logins {
		o.members[strings.ToLower(login)] = role
	}
}

// AddTeam makes a team of an organization; its people become members.
func (s *Server) AddTeam(organization, slug string, logins ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.org(organization)
	o.teams = append(o.teams, &team{id: s.nextID(), slug: slug, members: logins})
	for _, login := range logins {
		if key := strings.ToLower(login); o.members[key] == "" {
			o.members[key] = "member"
		}
	}
}

// org finds an organization, or makes it; the server's lock is held.
func (s *Server) org(name string) *org {
	key := strings.ToLower(name)
	if s.orgs[key] == nil {
		s.orgs[key] = &org{id: s.nextID(), name: name, members: map[string]string{}}
	}
	return s.orgs[key]
}

// org runs do, with the server locked, on the organization that the path names.
func (c *call) org(do func(*org) (any, error)) (any, error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	o, ok := c.server.orgs[strings.ToLower(c.path("org"))]
	if !ok {
		return nil, notFound()
	}
	return do(o)
}

func getOrg(c *call) (any, error) {
	return c.org(func(o *org) (any, error) {
		j := c.server.userJSON(o.name)
		j.Type = "Organization"
		return j, nil
	})
}

func listMembers(c *call) (any, error) {
	role := c.query("role")
	c.query("filter")
	return c.org(func(o *org) (any, error) {
		list := []userJSON{}
		for _, login := range slices.Sorted(maps.Keys(o.members)) {
			if role == "" || role == "all" || role == o.members[login] {
				list = append(list, c.server.userJSON(login))
			}
		}
		return page(c, list), nil
	})
}

func checkMember(c *call) (any, error) {
	return c.org(func(o *org) (any, error) {
		if o.members[strings.ToLower(c.path("login"))] == "" {
			return nil, &apiError{status: http.StatusNotFound, message: "User does not exist or is not a member of the organization"}
		}
		return noContent()
	})
}

type membershipJSON struct {
	State string   `json:"state"`
	Role  string   `json:"role"`
	User  userJSON `json:"user"`
}

func getMembership(c *call) (any, error) {
	login := c.path("login")
	return c.org(func(o *org) (any, error) {
		role := o.members[strings.ToLower(login)]
		if role == "" {
			return nil, notFound()
		}
		return membershipJSON{"active", role, c.server.userJSON(login)}, nil
	})
}

type teamJSON struct {
	ID         int64  `json:"id"`
	NodeID     string `json:"node_id"`
	Name       string `json:"name"`
	Slug       string `json:"slug"`
	Privacy    string `json:"privacy"`
	Permission string `json:"permission"`
	URL        string `json:"url"`
}

func (c *call) teamJSON(o *org, t *team) teamJSON {
	return teamJSON{
		ID: t.id, NodeID: nodeID("T", t.id), Name: t.slug, Slug: t.slug, Privacy: "closed", Permission: "pull",
		URL: c.url("/orgs/%s/teams/%s", o.name, t.slug),
	}
}

func listTeams(c *call) (any, error) {
	return c.org(func(o *org) (any, error) {
		list := []teamJSON{}
		for _, t := range o.teams {
			list = append(list, c.teamJSON(o, t))
		}
		return page(c, list), nil
	})
}

// team runs do on the team that the path names.
func (c *call) team(do func(*org, *team) (any, error)) (any, error) {
	return c.org(func(o *org) (any, error) {
		for _, t := range o.teams {
			if strings.EqualFold(t.slug, c.path("team")) {
				return do(o, t)
			}
		}
		return nil, notFound()
	})
}

func getTeam(c *call) (any, error) {
	return c.team(func(o *org, t *team) (any, error) { return c.teamJSON(o, t), nil })
}

func listTeamMembers(c *call) (any, error) {
	role := c.query("role")
	return c.team(func(_ *org, t *team) (any, error) {
		list := []userJSON{}
		for _, login := range t.members {
			if role != "maintainer" {
				list = append(list, c.server.userJSON(login))
			}
		}
		return page(c, list), nil
	})
}

func getTeamMembership(c *call) (any, error) {
	login := c.path("login")
	return c.team(func(_ *org, t *team) (any, error) {
		if !slices.ContainsFunc(t.members, func(m string) bool { return strings.EqualFold(m, login) }) {
			return nil, notFound()
		}
		return membershipJSON{"active", "member", c.server.userJSON(login)}, nil
	})
}
