package github

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Options is what a repository may be told. Its zero value is useful.
type Options struct {
	GitDir        string            // bare repository on disk, made if missing; empty is one in the server's folder
	DefaultBranch string            // empty is main
	Private       bool              // only collaborators may see it
	Collaborators map[string]string // login → admin, maintain, write, triage or read; nil lets every user do everything
}

// Repo is a repository. Its methods act as people do on github.com, and send webhooks.
type Repo struct {
	Org, Name string
	GitDir    string // the bare repository; a push to it is seen by the API at once

	server  *Server
	git     *gitRepo
	options Options
	id      int64
	created time.Time

	// The server's lock guards these.
	issues      map[int]*issue
	comments    []*comment
	labels      []*labelJSON
	statuses    map[string][]statusJSON // by commit, the oldest first
	protections map[string]Protection   // by branch
}

// AddRepo makes a repository, and the bare git repository behind it if there is none yet.
func (s *Server) AddRepo(org, name string, options Options) (*Repo, error) {
	if options.DefaultBranch == "" {
		options.DefaultBranch = "main"
	}
	if options.GitDir == "" {
		options.GitDir = filepath.Join(s.config.Dir, org, name+".git")
	}
	ctx, cancel := s.gitContext()
	defer cancel()
	git, err := openGit(ctx, options.GitDir, options.DefaultBranch)
	if err != nil {
		return nil, fmt.Errorf("add repository %s/%s: %w", org, name, err)
	}
	for login, permission := range options.Collaborators {
		if !slices.Contains(permissions, permission) {
			return nil, fmt.Errorf("add repository %s/%s: permission %q of %s is none of %s", org, name, permission, login, permissions)
		}
	}
	r := &Repo{
		Org: org, Name: name, GitDir: options.GitDir, server: s, git: git, options: options, id: s.nextID(), created: s.now(),
		issues: map[int]*issue{}, statuses: map[string][]statusJSON{}, protections: map[string]Protection{},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.ToLower(r.FullName())
	if s.repos[key] != nil {
		return nil, fmt.Errorf("add repository %s/%s: it is there already", org, name)
	}
	s.repos[key] = r
	return r, nil
}

// Repo finds a repository; nil if there is none of the name.
func (s *Server) Repo(org, name string) *Repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.repos[strings.ToLower(org+"/"+name)]
}

// FullName is org/name.
func (r *Repo) FullName() string { return r.Org + "/" + r.Name }

// page is an address of the repository's web pages.
func (r *Repo) page(format string, args ...any) string {
	return r.server.URL() + "/" + r.FullName() + fmt.Sprintf(format, args...)
}

// permissions from least to most.
var permissions = []string{"none", "read", "triage", "write", "maintain", "admin"}

// permission is what a user may do to the repository.
func (r *Repo) permission(login string) string {
	for name, permission := range r.options.Collaborators {
		if strings.EqualFold(name, login) {
			return permission
		}
	}
	switch {
	case r.options.Collaborators == nil && r.server.known(login):
		return "admin"
	case r.options.Private:
		return "none"
	}
	return "read"
}

func (r *Repo) may(login string, needs access) bool {
	least := map[access]string{reads: "read", comments: "read", triages: "triage", pushes: "write", administers: "admin"}[needs]
	return slices.Index(permissions, r.permission(login)) >= slices.Index(permissions, least)
}

func repoRoutes() []route {
	return []route{
		{"GET", "/repos/{owner}/{repo}", reads, 200, getRepo},
		{"GET", "/orgs/{org}/repos", reads, 200, listOrgRepos},
	}
}

type repoJSON struct {
	ID            int64           `json:"id"`
	NodeID        string          `json:"node_id"`
	Name          string          `json:"name"`
	FullName      string          `json:"full_name"`
	Owner         userJSON        `json:"owner"`
	Private       bool            `json:"private"`
	Fork          bool            `json:"fork"`
	Archived      bool            `json:"archived"`
	Description   string          `json:"description"`
	HTMLURL       string          `json:"html_url"`
	URL           string          `json:"url"`
	CloneURL      string          `json:"clone_url"`
	DefaultBranch string          `json:"default_branch"`
	HasIssues     bool            `json:"has_issues"`
	CreatedAt     time.Time       `json:"created_at"`
	Permissions   map[string]bool `json:"permissions,omitempty"`
	Organization  *userJSON       `json:"organization,omitempty"`
}

// json describes the repository as login sees it.
func (r *Repo) json(login string) repoJSON {
	owner := r.server.userJSON(r.Org)
	owner.Type = "Organization"
	return repoJSON{
		ID: r.id, NodeID: nodeID("R", r.id), Name: r.Name, FullName: r.FullName(), Owner: owner,
		Private: r.options.Private, HTMLURL: r.page(""), CloneURL: r.GitDir,
		URL:           r.server.URL() + "/repos/" + r.FullName(),
		DefaultBranch: r.options.DefaultBranch, HasIssues: true, CreatedAt: r.created,
		Permissions: permissionFlags(r.permission(login)),
	}
}

// permissionFlags spells a permission as GitHub does: one flag for each that it includes.
func permissionFlags(permission string) map[string]bool {
	has := slices.Index(permissions, permission)
	return map[string]bool{
		"pull": has >= 1, "triage": has >= 2, "push": has >= 3, "maintain": has >= 4, "admin": has >= 5,
	}
}

// getRepo tells the owner as the organization too; a repository in a webhook does not.
func getRepo(c *call) (any, error) {
	j := c.repo.json(c.login)
	j.Organization = &j.Owner
	return j, nil
}
