package github

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Scope is what a token may do on behalf of its owner.
type Scope int

// The scopes of a token. Each is known to the server, so that being refused with
// one is no mistake of the client and does not fail a test.
const (
	ReadWrite Scope = iota // everything that its owner may do
	ReadOnly               // reads; a write is answered 403
	Revoked                // nothing; everything is answered 401
)

type token struct {
	login string
	scope Scope
}

// access is what an endpoint asks of its caller.
type access int

const (
	reads       access = iota // may see the repository; anybody may see a public one
	knows                     // has a token: /user
	comments                  // has a token that may write, and may see the repository
	triages                   // may change labels and assignees
	pushes                    // may change refs, statuses and the repository's labels
	administers               // may change branches' protection
)

// people are the users and their tokens.
type people struct {
	mu     sync.Mutex
	tokens map[string]token
	logins map[string]string // by lower-case login
}

// AddUser makes a user and a token that may do all that the user may.
// An empty token makes a user without one.
func (s *Server) AddUser(login, token string) { s.AddToken(login, token, ReadWrite) }

// AddToken gives a user (made if new) a token of a scope.
func (s *Server) AddToken(login, secret string, scope Scope) {
	s.people.mu.Lock()
	defer s.people.mu.Unlock()
	s.people.logins[strings.ToLower(login)] = login
	if secret != "" {
		s.people.tokens[secret] = token{login: login, scope: scope}
	}
}

// bearer is the token of a request, in either spelling that GitHub takes.
func bearer(req *http.Request) string {
	kind, secret, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if strings.EqualFold(kind, "bearer") || strings.EqualFold(kind, "token") {
		return secret
	}
	return ""
}

// token is who a secret belongs to, and what it may do.
func (s *Server) token(secret string) (token, bool) {
	s.people.mu.Lock()
	defer s.people.mu.Unlock()
	t, known := s.people.tokens[secret]
	return t, known
}

// known says whether there is a user of the login.
func (s *Server) known(login string) bool {
	s.people.mu.Lock()
	defer s.people.mu.Unlock()
	return s.people.logins[strings.ToLower(login)] != ""
}

// logins are those of all users, sorted.
func (s *Server) logins() []string {
	s.people.mu.Lock()
	defer s.people.mu.Unlock()
	return slices.Sorted(maps.Values(s.people.logins))
}

// authenticate finds out who asks. A token that the server never heard of is a mistake.
func (c *call) authenticate() error {
	if c.req.Header.Get("Authorization") == "" {
		return nil
	}
	t, known := c.server.token(bearer(c.req))
	if !known {
		c.server.wrong(c.req, "unknown token; make it known with AddUser, or with AddToken(login, token, Revoked) if it is to be refused")
	}
	if !known || t.scope == Revoked {
		return &apiError{status: http.StatusUnauthorized, message: "Bad credentials"}
	}
	c.login, c.scope = t.login, t.scope
	return nil
}

// findRepo finds the repository that the path names. One that the caller may not
// see does not exist, as on GitHub.
func (c *call) findRepo() error {
	owner, name := c.path("owner"), c.path("repo")
	if name == "" {
		return nil
	}
	repo := c.server.Repo(owner, name)
	if repo == nil || !repo.may(c.login, reads) {
		return notFound()
	}
	c.repo = repo
	return nil
}

func (c *call) authorize(needs access) error {
	if needs == reads {
		return nil
	}
	if c.login == "" {
		c.server.wrong(c.req, "no token; send Authorization: Bearer TOKEN")
		return &apiError{status: http.StatusUnauthorized, message: "Requires authentication"}
	}
	if needs == knows {
		return nil
	}
	if c.scope == ReadOnly {
		return &apiError{status: http.StatusForbidden, message: "Resource not accessible by personal access token"}
	}
	if c.repo == nil || c.repo.may(c.login, needs) {
		return nil
	}
	if needs == triages {
		return &apiError{status: http.StatusForbidden, message: "Must have admin rights to Repository."}
	}
	return notFound()
}
