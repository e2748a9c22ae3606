package oci

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	upstream "github.com/google/go-containerregistry/pkg/registry"
)

// guarded is a registry that gives tokens by repository, and lets them expire.
type guarded struct {
	inner http.Handler
	basic bool // takes the password itself instead of tokens

	mu     sync.Mutex
	tokens map[string]string // scopes of each that is good
	pings  int
	given  []string // scopes
}

func newGuarded() *guarded {
	return &guarded{inner: upstream.New(upstream.Logger(log.New(io.Discard, "", 0)), upstream.WithReferrersSupport(true)), tokens: map[string]string{}}
}

func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	user, password, _ := r.BasicAuth()
	right := user == "me" && password == "secret"
	switch {
	case r.URL.Path == "/token":
		if !right {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		token := fmt.Sprint("token-", len(g.given))
		scopes := strings.Join(r.URL.Query()["scope"], " ")
		g.given, g.tokens[token] = append(g.given, scopes), scopes
		_, _ = fmt.Fprintf(w, `{"access_token":%q}`, token)
	case r.URL.Path == "/v2/" || g.basic && !right || !g.basic && !g.allows(r):
		if r.URL.Path == "/v2/" {
			g.pings++
		}
		challenge := fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.Host)
		if g.basic {
			challenge = `Basic realm="test"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		w.WriteHeader(http.StatusUnauthorized)
	default:
		g.inner.ServeHTTP(w, r)
	}
}

func (g *guarded) allows(r *http.Request) bool {
	scopes := g.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	repository, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/")
	right := "pull"
	if isWrite(r) {
		right = "push"
	}
	for _, scope := range strings.Fields(scopes) {
		if of, ok := strings.CutPrefix(scope, "repository:"+repository+":"); ok && strings.Contains(of, right) {
			return true
		}
	}
	return false
}

func (g *guarded) expire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.tokens)
}

// keychain has one login for all registries.
type keychain struct{ user, password string }

func (k keychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(authn.AuthConfig{Username: k.user, Password: k.password}), nil
}

func TestLogin(t *testing.T) {
	for _, basic := range []bool{false, true} {
		t.Run(fmt.Sprintf("basic %t", basic), func(t *testing.T) {
			ctx, g := t.Context(), newGuarded()
			g.basic = basic
			host := serve(t, g.ServeHTTP)
			c := New(Config{Keychain: keychain{"me", "secret"}, Deadline: 5 * time.Second, Backoff: time.Millisecond})
			subject := filled(t, c, host+"/a")
			for range 3 {
				m, err := c.Manifest(ctx, host+"/a", subject)
				if err != nil {
					t.Fatal(err)
				}
				g.expire() // while a body is under way
				if err := c.Tag(ctx, host+"/a", "next", m); err != nil {
					t.Fatal(err)
				}
				g.expire()
				attach(t, c, host+"/a", subject, "sbom")
			}
			if err := c.Copy(ctx, host+"/a", host+"/b", subject); err != nil {
				t.Fatal(err)
			}
			if g.pings != 1 {
				t.Errorf("the registry was asked %d times how to log in", g.pings)
			}
		})
	}
}

// A token is good for all requests to its repository.
func TestTokensAreKept(t *testing.T) {
	ctx, g := t.Context(), newGuarded()
	host := serve(t, g.ServeHTTP)
	c := New(Config{Keychain: keychain{"me", "secret"}})
	digest := filled(t, c, host+"/a")
	for range 10 {
		m, err := c.Manifest(ctx, host+"/a", digest)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Tag(ctx, host+"/a", "next", m); err != nil {
			t.Fatal(err)
		}
	}
	if len(g.given) != 2 {
		t.Errorf("tokens were given for %q, want one to push and one to pull", g.given)
	}
}

func TestWrongLogin(t *testing.T) {
	for _, basic := range []bool{false, true} {
		g := newGuarded()
		g.basic = basic
		host := serve(t, g.ServeHTTP)
		c := New(Config{Keychain: keychain{"me", "wrong"}})
		_, err := c.Manifest(t.Context(), host+"/a", sum(nil))
		if err == nil || !strings.Contains(err.Error(), "podman login "+host) || strings.Contains(err.Error(), "wrong") {
			t.Errorf("basic %t: %v", basic, err)
		}
	}
}

// filled writes an artifact of no subject, and returns its digest.
func filled(t *testing.T, c *Client, repository string) string {
	t.Helper()
	m, err := Attachment{Type: "text/plain", LayerType: "text/plain", Layer: bytes.Repeat([]byte("x"), 1000)}.manifest(sum(nil), described{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.writeArtifact(t.Context(), repository, m, bytes.Repeat([]byte("x"), 1000)); err != nil {
		t.Fatal(err)
	}
	return m.Digest
}
