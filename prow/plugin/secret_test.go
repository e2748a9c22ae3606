package plugin

import (
	"crypto/sha256"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

func signed(key, payload string) func(*http.Request) {
	return header("X-Hub-Signature-256", "sha256="+sign(sha256.New, key, payload))
}

func TestSecretIsReplacedWithoutARestart(t *testing.T) {
	var c counter
	r := newRig(t, Config{Handlers: []Handler{c.handler()}})
	expect := func(when, key string, want int) {
		t.Helper()
		r.config.Secret.mu.Lock()
		r.config.Secret.read = time.Time{} // as if a second had passed
		r.config.Secret.mu.Unlock()
		if status, said := r.post("push", when+key, "{}", signed(key, "{}")); status != want {
			t.Errorf("%s, signed with %s: got %d %s, want %d", when, key, status, said, want)
		}
	}
	expect("at first", secret, 200)
	r.writeSecret("new-secret")
	expect("replaced", secret, 403)
	expect("replaced", "new-secret", 200)
	r.writeSecret(" \n")
	expect("emptied", "", 403)
	expect("emptied", "new-secret", 200)
	if err := os.Remove(r.secretFile); err != nil {
		t.Fatal(err)
	}
	expect("removed", "new-secret", 200)
	r.writeSecret(`{"*": [{value: old}, {value: next}]}`)
	expect("listed", "old", 200)
	expect("listed", "next", 200)
	expect("listed", "new-secret", 403)
}

// Prow's list of secrets: the narrowest that covers a repository counts, and no other.
func TestSecretsOfRepositories(t *testing.T) {
	var c counter
	r := newRig(t, Config{Handlers: []Handler{c.handler()}})
	r.writeSecret("'*': [{value: all}]\nexample: [{value: org}]\nexample/own: [{value: own}]\n")
	r.config.Secret.read = time.Time{}
	tests := []struct {
		key, payload string
		want         int
	}{
		{"all", `{"repository":{"full_name":"other/repo"}}`, 200},
		{"org", `{"repository":{"full_name":"example/repo"}}`, 200},
		{"own", `{"repository":{"full_name":"example/own"}}`, 200},
		{"org", `{"organization":{"login":"example"}}`, 200},
		{"all", `{"repository":{"full_name":"example/repo"}}`, 403},
		{"org", `{"repository":{"full_name":"example/own"}}`, 403},
		{"own", `{"repository":{"full_name":"example/repo"}}`, 403},
		{"own", `{"repository":{"full_name":"slipway/slipway"}}`, 403},
		{"org", `{"repository":{"full_name":"slipway/slipway"}}`, 403},
		{"own", `{}`, 403},
		{"own", `no JSON`, 400},
	}
	for _, tt := range tests {
		if status, said := r.post("push", tt.key+tt.payload, tt.payload, signed(tt.key, tt.payload)); status != tt.want {
			t.Errorf("%s signed with %s: got %d %s, want %d", tt.payload, tt.key, status, said, tt.want)
		}
	}
}

func TestUselessSecretIsRefused(t *testing.T) {
	log := logrus.New()
	log.SetOutput(io.Discard)
	for _, text := range []string{"", " \n", "{}", `{"*": []}`, `{"*": [{value: ""}]}`} {
		file := filepath.Join(t.TempDir(), "hmac")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenSecret(file, logrus.NewEntry(log)); err == nil {
			t.Errorf("%q is taken for a secret", text)
		}
	}
}
