package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/google/go-github/v60/github"

	"slipway.dev/slipway/internal/testkit/need"
)

// recorder is a testing.TB that keeps what it is told instead of failing.
type recorder struct {
	testing.TB
	mu    sync.Mutex
	lines []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

// wants fails the test unless exactly one complaint was made and it holds each part.
func (r *recorder) wants(t *testing.T, parts ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) != 1 {
		t.Fatalf("complaints %q, want one with %q", r.lines, parts)
	}
	for _, part := range parts {
		if !strings.Contains(r.lines[0], part) {
			t.Errorf("complaint %q lacks %q", r.lines[0], part)
		}
	}
}

// world is a server with one repository, org/repo, and the clients of its people.
type world struct {
	*Server
	repo  *Repo
	first string // the first commit of main
	bot   *client.Client
}

func newWorld(t *testing.T, tb testing.TB, options Options) *world {
	t.Helper()
	need.Tool(t, "git", "git")
	s := New(tb)
	s.AddUser("bot", "bot-token")
	s.AddUser("alice", "alice-token")
	s.AddUser("bob", "bob-token")
	repo, err := s.AddRepo("org", "repo", options)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Server: s, repo: repo, bot: newClient(t, s.URL(), "bot-token")}
	w.first = w.push(t, "main", map[string]string{"README.md": "hello\n"})
	return w
}

func (w *world) push(t *testing.T, branch string, files map[string]string) string {
	t.Helper()
	sha, err := w.repo.PushAs("alice", branch, "Change "+branch, files)
	if err != nil {
		t.Fatal(err)
	}
	return sha
}

func newClient(t *testing.T, url, token string) *client.Client {
	t.Helper()
	c := client.NewClient(&http.Client{Timeout: 20 * time.Second})
	if token != "" {
		c = c.WithAuthToken(token)
	}
	base, err := c.BaseURL.Parse(url + "/")
	if err != nil {
		t.Fatal(err)
	}
	c.BaseURL = base
	return c
}

// wantError fails the test unless err is GitHub's answer of that status and message.
func wantError(t *testing.T, err error, status int, message string) {
	t.Helper()
	refused, ok := errors.AsType[*client.ErrorResponse](err)
	if !ok {
		t.Fatalf("error %v, want %d %s", err, status, message)
	}
	if refused.Response.StatusCode != status || !strings.Contains(refused.Message, message) {
		t.Errorf("answer %d %q, want %d %q", refused.Response.StatusCode, refused.Message, status, message)
	}
}

func must[T any](t *testing.T) func(T, *client.Response, error) T {
	t.Helper()
	return func(v T, _ *client.Response, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// send makes a request by hand, for what no proper client would send.
func (w *world) send(t *testing.T, method, path, token, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, w.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}
