package tagsign

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/testkit/gitrepo"
)

func TestFetch(t *testing.T) {
	r := gitrepo.New(t)
	commit := r.Commit(t, map[string]string{"README": "one\n"})
	r.Tag("v1.0.0", commit, "Release\n\n  with spaces  ")
	want := r.Git("cat-file", "tag", "v1.0.0") + "\n"
	t.Chdir(filepath.Dir(r.Dir))
	for name, url := range map[string]string{"file": r.URL, "path": r.Dir, "relative": "./remote.git", "http": r.ServeHTTP(t)} {
		got, hash, err := Fetch(t.Context(), url, "v1.0.0", nil)
		if err != nil || string(got) != want || hash != r.Git("rev-parse", "v1.0.0") {
			t.Errorf("%s: got %q, %s, %v; want %q", name, got, hash, err, want)
		}
	}
}

func TestFetchRefuses(t *testing.T) {
	r := gitrepo.New(t)
	commit := r.Commit(t, map[string]string{"README": "one\n"})
	r.Tag("light", commit, "")
	message := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(message, []byte(strings.Repeat(strings.Repeat("x", 1023)+"\n", 1024)), 0o644); err != nil {
		t.Fatal(err)
	}
	r.Git("tag", "-a", "-F", message, "large", commit)
	t.Setenv("TMPDIR", t.TempDir())
	for name, tt := range map[string]struct {
		want error
		says string
	}{
		"light":   {ErrUnsigned, "git tag -s"},
		"missing": {ErrNotFound, "push it first"},
		"ligh":    {ErrNotFound, "push it first"},
		"large":   {nil, "at most"},
		"*":       {nil, "no name of a ref"},
		"a:b":     {nil, "no name of a ref"},
		"":        {nil, "no name of a ref"},
		"../x":    {nil, "no name of a ref"},
	} {
		_, _, err := Fetch(t.Context(), r.URL, name, nil)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q: got error %v, want one that says %q", name, err, tt.says)
		}
	}
	_, _, err := Fetch(t.Context(), "https://user:secret@127.0.0.1:1/x", "v1", nil)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("nobody there: got error %v, want one without the password", err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
}

// TestSHA256Repository signs in a repository whose objects have the longer names.
func TestSHA256Repository(t *testing.T) {
	w := newWorld(t)
	w.secret.newKey(alice, "ed25519", "", "never")
	w.accept(t, []string{alice}, "carol@example.com "+ed)
	r := gitrepo.New(t)
	if err := os.RemoveAll(r.Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(r.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.Git("init", "--quiet", "--bare", "--object-format=sha256")
	commit := r.Commit(t, map[string]string{"README": "one\n"})
	object := signWithGPG(t, r, w.secret, "", alice, "Release", "v1.2.3", commit)
	got, err := Verify(object, "v1.2.3", w.signers...)
	if err != nil || got.Commit != commit || len(commit) != 64 || got.Object != r.Git("rev-parse", "refs/tags/v1.2.3") {
		t.Errorf("got %+v, %v; want commit %s", got, err, commit)
	}
}

// TestFetchEnds sees that a caller's end is the fetch's.
func TestFetchEnds(t *testing.T) {
	r := gitrepo.New(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	start := time.Now()
	if _, _, err := Fetch(ctx, r.URL, "v1", nil); err == nil || time.Since(start) > 10*time.Second {
		t.Errorf("got error %v after %v", err, time.Since(start))
	}
}
