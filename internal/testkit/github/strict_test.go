package github

import (
	"strings"
	"testing"
	"time"

	client "github.com/google/go-github/v60/github"
)

// What no correct client sends is answered as GitHub would, and told to the test once.
func TestMistakesAreReported(t *testing.T) {
	const refs = "/repos/org/repo/git/refs"
	for _, row := range []struct {
		name, method, path, token, body string
		status                          int
		complaint                       string
	}{
		{"wrong method", "PUT", refs, "bot-token", "", 404, "wrong method; this path takes POST"},
		{"wrong path", "GET", "/repos/org/repo/git/reefs", "bot-token", "", 404, "no such endpoint"},
		{"unclean path", "GET", "/repos//org/repo", "bot-token", "", 404, "no such endpoint"},
		{"no number", "GET", "/repos/org/repo/pulls/one", "bot-token", "", 404, "no such endpoint"},
		{"unknown token", "GET", "/repos/org/repo", "stolen", "", 401, "unknown token"},
		{"write without token", "POST", refs, "", `{"ref":"refs/tags/a","sha":"x"}`, 401, "no token"},
		{"who am I without token", "GET", "/user", "", "", 401, "no token"},
		{"unknown field", "POST", refs, "bot-token", `{"ref":"refs/tags/a","shaa":"x"}`, 422, `unknown field "shaa"`},
		{"no JSON", "POST", refs, "bot-token", `ref=refs/tags/a`, 400, "bad body"},
		{"two values", "POST", refs, "bot-token", `{"ref":"refs/tags/a","sha":"x"}{}`, 400, "more than one JSON value"},
		{"missing field", "POST", refs, "bot-token", `{"ref":"refs/tags/a"}`, 422, `"sha" is missing`},
		{"body on GET", "GET", "/repos/org/repo", "bot-token", `{}`, 200, "a body where the endpoint takes none"},
		{"unknown query", "GET", "/repos/org/repo/branches?per_pge=3", "bot-token", "", 200, `query parameter "per_pge"`},
		{"bad page", "GET", "/repos/org/repo/branches?page=no", "bot-token", "", 200, `page="no" is no positive number`},
	} {
		t.Run(row.name, func(t *testing.T) {
			told := &recorder{TB: t}
			w := newWorld(t, told, Options{})
			status, answer := w.send(t, row.method, row.path, row.token, row.body)
			if status != row.status {
				t.Errorf("answer %d %s, want %d", status, answer, row.status)
			}
			told.wants(t, "fake GitHub: "+row.method+" "+row.path, row.complaint)
		})
	}
}

// Being refused is no mistake: the test that made the token means it.
func TestRefusalsAreNotReported(t *testing.T) {
	w := newWorld(t, t, Options{Private: true, Collaborators: map[string]string{
		"bot": "write", "reader": "read", "triager": "triage", "locked": "admin",
	}})
	w.AddToken("bot", "bot-reads", ReadOnly)
	w.AddToken("bot", "bot-revoked", Revoked)
	for _, login := range []string{"reader", "triager", "stranger"} {
		w.AddUser(login, login+"-token")
	}
	const refs, labels = "/repos/org/repo/git/refs", "/repos/org/repo/issues/1/labels"
	if _, err := w.repo.server.newIssueFor(w.repo); err != nil {
		t.Fatal(err)
	}
	create := `{"ref":"refs/tags/a","sha":"` + w.first + `"}`
	for _, row := range []struct {
		name, method, path, token, body string
		status                          int
	}{
		{"revoked", "GET", "/repos/org/repo", "bot-revoked", "", 401},
		{"read-only reads", "GET", "/repos/org/repo", "bot-reads", "", 200},
		{"read-only writes", "POST", refs, "bot-reads", create, 403},
		{"reader reads", "GET", "/repos/org/repo", "reader-token", "", 200},
		{"reader pushes", "POST", refs, "reader-token", create, 404},
		{"reader labels", "POST", labels, "reader-token", `["a"]`, 403},
		{"triager labels", "POST", labels, "triager-token", `["a"]`, 200},
		{"triager pushes", "POST", refs, "triager-token", create, 404},
		{"stranger reads a private repository", "GET", "/repos/org/repo", "stranger-token", "", 404},
		{"nobody reads a private repository", "GET", "/repos/org/repo", "", "", 404},
		{"writer pushes", "POST", refs, "bot-token", create, 201},
	} {
		t.Run(row.name, func(t *testing.T) {
			if status, answer := w.send(t, row.method, row.path, row.token, row.body); status != row.status {
				t.Errorf("answer %d %s, want %d", status, answer, row.status)
			}
		})
	}
}

func (s *Server) newIssueFor(r *Repo) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return r.newIssue("alice", "An issue", "").number, nil
}

func TestOldSpellingOfTokens(t *testing.T) {
	w := newWorld(t, t, Options{})
	c := newClient(t, w.URL(), "")
	req, err := c.NewRequest("GET", "user", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "token alice-token")
	var user client.User
	if _, err := c.Do(t.Context(), req, &user); err != nil || user.GetLogin() != "alice" {
		t.Errorf("got %v, %v", user.GetLogin(), err)
	}
}

func TestRateLimit(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := New(t, func(c *Config) { c.RateLimit, c.Now = 3, func() time.Time { return now } })
	s.AddUser("bot", "bot-token")
	c := newClient(t, s.URL(), "bot-token")
	for left := 2; left >= 0; left-- {
		_, resp, err := c.Users.Get(t.Context(), "")
		if err != nil || resp.Rate.Remaining != left || resp.Rate.Limit != 3 {
			t.Fatalf("rate %v, error %v, want %d left of 3", resp.Rate, err, left)
		}
	}
	limits, _, err := c.RateLimit.Get(t.Context())
	if err != nil || limits.Core.Remaining != 0 || !limits.Core.Reset.Time.Equal(now.Add(time.Hour)) {
		t.Errorf("limits %v, error %v, want none left until %v", limits, err, now.Add(time.Hour))
	}
	fresh := newClient(t, s.URL(), "bot-token") // the old one would not even ask
	_, _, err = fresh.Users.Get(t.Context(), "")
	if _, limited := err.(*client.RateLimitError); !limited {
		t.Errorf("error %v, want a RateLimitError", err)
	}
	now = now.Add(time.Hour)
	if _, _, err := newClient(t, s.URL(), "bot-token").Users.Get(t.Context(), ""); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

// Each path that a pattern stands for has one route, so that the table's order means nothing.
func TestRoutesDoNotOverlap(t *testing.T) {
	s := &Server{routes: routes()}
	for _, r := range s.routes {
		path := strings.NewReplacer("{number}", "1", "{id}", "1", "...}", "}").Replace(r.path)
		for _, other := range s.routes {
			_, matches := match(other.path, path)
			if matches && other.method == r.method && other.path != r.path && !strings.Contains(other.path, "...}") {
				t.Errorf("%s matches %s too", other.endpoint(), path)
			}
		}
	}
}
