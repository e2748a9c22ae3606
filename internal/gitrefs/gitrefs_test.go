package gitrefs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/testkit/gitrepo"
	"slipway.dev/slipway/internal/version"
)

var noTime = time.Unix(1700000000, 0)

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// localSSH is an ssh that runs the command here, whatever the host.
func localSSH(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ssh")
	script := "#!/bin/sh\nfor last; do :; done\nexec sh -c \"$last\"\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return "sh '" + path + "' -o Example=yes"
}

// withoutV2 is the server at target as one that never heard of protocol version 2.
func withoutV2(t *testing.T, target string) string {
	t.Helper()
	return proxy(t, target, func(r *http.Request) { r.Header.Del("Git-Protocol") })
}

func proxy(t *testing.T, target string, change func(*http.Request)) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: u.Scheme, Host: u.Host})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		change(r)
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + u.Path
}

func TestTransports(t *testing.T) {
	t.Setenv("GIT_SSH_COMMAND", localSSH(t))
	t.Setenv("GIT_SSH_VARIANT", "ssh")
	tests := []struct {
		name     string
		url      func(*gitrepo.Repo) string
		fallback bool // git ls-remote has to help
	}{
		{"path", func(r *gitrepo.Repo) string { return r.Dir }, false},
		{"file", func(r *gitrepo.Repo) string { return r.URL }, false},
		{"ssh", func(r *gitrepo.Repo) string { return "ssh://git@host.example:2222" + r.Dir }, false},
		{"scp", func(r *gitrepo.Repo) string { return "host.example:" + r.Dir }, false},
		{"http", func(r *gitrepo.Repo) string { return r.ServeHTTP(t) }, false},
		{"http without v2", func(r *gitrepo.Repo) string { return withoutV2(t, r.ServeHTTP(t)) }, true},
		{"ext", func(r *gitrepo.Repo) string { return "ext::git %s " + r.Dir }, true},
	}
	t.Setenv("GIT_ALLOW_PROTOCOL", "file:ssh:http:ext")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			repo := gitrepo.New(t)
			sha := repo.Commit(t, map[string]string{"a": "b"})
			repo.Tag("20200101.1", sha, "")
			repo.Tag("20261121.00", sha, "annotated")
			repo.Tag("stable", sha, "")
			remote := New(test.url(repo), repo.Dir)
			defer remote.Close()
			checkRemote(t, remote, repo, sha)
			_, err := remote.lsRefs(testContext(t), []string{"HEAD"})
			if got := err != nil; got != test.fallback {
				t.Errorf("protocol version 2 failed: %v (%v), want %v", got, err, test.fallback)
			}
		})
	}
}

// checkRemote lists, creates, loses and deletes.
func checkRemote(t *testing.T, remote *Remote, repo *gitrepo.Repo, sha string) {
	t.Helper()
	ctx := testContext(t)
	object := repo.Git("rev-parse", "refs/tags/20261121.00")
	checkList(t, remote, []string{"refs/tags/2020", "refs/tags/20261121."}, []version.Ref{
		{Name: "refs/tags/20200101.1", Object: sha, Peeled: sha},
		{Name: "refs/tags/20261121.00", Object: object, Peeled: sha},
	})
	const name = "refs/slipway/claims/20261121.01"
	tag := version.TagObject{Commit: sha, Name: "20261121.01", Message: "first", Time: noTime}
	created, err := remote.Create(ctx, name, tag)
	if err != nil {
		t.Fatal(err)
	}
	checkList(t, remote, []string{name}, []version.Ref{{Name: name, Object: created, Peeled: sha}})
	tag.Message = "second"
	if _, err := remote.Create(ctx, name, tag); !errors.Is(err, version.ErrExists) {
		t.Errorf("second Create: %v, want ErrExists", err)
	}
	if err := remote.Delete(ctx, name, object); err == nil || !strings.Contains(err.Error(), "left alone") {
		t.Errorf("Delete of another object: %v", err)
	}
	for range 2 { // what is gone may be deleted again
		if err := remote.Delete(ctx, name, created); err != nil {
			t.Error(err)
		}
	}
	checkList(t, remote, []string{name}, nil)
}

func checkList(t *testing.T, remote *Remote, prefixes []string, want []version.Ref) {
	t.Helper()
	got, err := remote.List(testContext(t), prefixes)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) == 0 {
		got = nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("List(%v) (-want +got):\n%s", prefixes, diff)
	}
}

func TestScratchRepository(t *testing.T) {
	for _, filter := range []string{"true", "false"} {
		t.Run("uploadpack.allowFilter="+filter, func(t *testing.T) {
			repo := gitrepo.New(t)
			repo.Git("config", "uploadpack.allowFilter", filter)
			old := repo.Commit(t, map[string]string{"a": "b", "dir/c": "d"})
			repo.Commit(t, map[string]string{"a": "e"})
			remote := New(repo.URL, "")
			ctx := testContext(t)
			if _, err := remote.Create(ctx, "refs/tags/x", version.TagObject{Commit: old, Name: "x", Message: "m"}); err != nil {
				t.Fatal(err)
			}
			if got := repo.Ref("refs/tags/x"); got != old {
				t.Errorf("tag names %s, want %s", got, old)
			}
			dir := remote.scratch
			if err := remote.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(dir); dir == "" || !errors.Is(err, os.ErrNotExist) {
				t.Errorf("scratch repository %q is left behind: %v", dir, err)
			}
		})
	}
}

// TestOneWinner races pushes of one ref.
func TestOneWinner(t *testing.T) {
	repo := gitrepo.New(t)
	sha := repo.Commit(t, map[string]string{"a": "b"})
	remote := New(repo.URL, repo.Dir)
	ctx := testContext(t)
	const racers = 20
	results := make([]error, racers)
	var group sync.WaitGroup
	for i := range racers {
		group.Go(func() {
			tag := version.TagObject{Commit: sha, Name: "x", Message: fmt.Sprint(i), Time: noTime}
			_, results[i] = remote.Create(ctx, "refs/slipway/claims/x", tag)
		})
	}
	group.Wait()
	winners := 0
	for _, err := range results {
		switch {
		case err == nil:
			winners++
		case !errors.Is(err, version.ErrExists):
			t.Error(err)
		}
	}
	if winners != 1 {
		t.Errorf("%d of %d racing pushes won, want 1", winners, racers)
	}
}

// TestLockContention holds a lock that the first pushes meet.
func TestLockContention(t *testing.T) {
	repo := gitrepo.New(t)
	sha := repo.Commit(t, map[string]string{"a": "b"})
	remote := New(repo.URL, repo.Dir)
	lock := filepath.Join(repo.Dir, "refs", "tags", "x.lock")
	if err := os.WriteFile(lock, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(400*time.Millisecond, func() { _ = os.Remove(lock) })
	tag := version.TagObject{Commit: sha, Name: "x", Message: "m"}
	if _, err := remote.Create(testContext(t), "refs/tags/x", tag); err != nil {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name  string
		setUp func(t *testing.T, repo *gitrepo.Repo) (url, gitDir string)
		want  []string // in the error
	}{
		{"pre-receive hook", func(_ *testing.T, repo *gitrepo.Repo) (string, string) {
			repo.Hook("pre-receive", "echo 'no tags here, says the block list' >&2; exit 1")
			return repo.URL, repo.Dir
		}, []string{"refs/tags/x", "pre-receive hook declined", "no tags here", "let this account create"}},
		{"update hook", func(_ *testing.T, repo *gitrepo.Repo) (string, string) {
			repo.Hook("update", "echo 'not this one' >&2; exit 1")
			return repo.URL, repo.Dir
		}, []string{"refs/tags/x", "hook declined", "not this one"}},
		{"password wanted", func(t *testing.T, repo *gitrepo.Repo) (string, string) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
				w.WriteHeader(http.StatusUnauthorized)
			}))
			t.Cleanup(server.Close)
			return strings.Replace(server.URL, "://", "://me:hunter2@", 1) + "/x.git", repo.Dir
		}, []string{"Authentication failed"}},
		{"no such repository", func(_ *testing.T, repo *gitrepo.Repo) (string, string) {
			return repo.URL + "x", repo.Dir
		}, []string{"does not appear to be a git repository"}},
		{"unknown commit", func(t *testing.T, repo *gitrepo.Repo) (string, string) {
			return repo.URL, gitrepo.New(t).Dir
		}, []string{"which must hold that commit"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			repo := gitrepo.New(t)
			sha := repo.Commit(t, map[string]string{"a": "b"})
			url, gitDir := test.setUp(t, repo)
			_, err := New(url, gitDir).Create(testContext(t), "refs/tags/x", version.TagObject{Commit: sha, Name: "x", Message: "m"})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error tells the password: %v", err)
			}
			if repo.Ref("refs/tags/x") != "" {
				t.Error("the tag was made all the same")
			}
		})
	}
}

func TestInsteadOf(t *testing.T) {
	repo := gitrepo.New(t)
	sha := repo.Commit(t, map[string]string{"a": "b"})
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "url."+repo.URL+".insteadOf")
	t.Setenv("GIT_CONFIG_VALUE_0", "https://example.invalid/x")
	refs, err := New("https://example.invalid/x", "").lsRefs(testContext(t), []string{"refs/heads/main"})
	if err != nil || len(refs) != 1 || refs[0].Object != sha {
		t.Errorf("lsRefs = %v, %v", refs, err)
	}
}

func TestResolveRef(t *testing.T) {
	repo := gitrepo.New(t)
	old := repo.Commit(t, map[string]string{"a": "b"})
	tip := repo.Commit(t, map[string]string{"a": "c"})
	repo.Git("branch", "both", old)
	repo.Tag("both", tip, "")
	repo.Git("branch", "agree", old)
	repo.Tag("agree", old, "annotated")
	repo.Tag("v1", old, "annotated")
	repo.Tag("v1.1", tip, "")
	tests := []struct{ ref, want, err string }{
		{ref: "main", want: tip},
		{ref: "HEAD", want: tip},
		{ref: "v1", want: old},
		{ref: "v1.1", want: tip},
		{ref: "refs/tags/v1", want: old},
		{ref: "refs/heads/both", want: old},
		{ref: "agree", want: old},
		{ref: "both", err: "say which by its full name"},
		{ref: "none", err: "no branch, tag or ref"},
		{ref: tip, err: "--commit"},
	}
	for _, test := range tests {
		got, err := ResolveRef(testContext(t), repo.URL, test.ref)
		if got != test.want {
			t.Errorf("ResolveRef(%s) = %q, want %q", test.ref, got, test.want)
		}
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("ResolveRef(%s): error %v, want %q", test.ref, err, test.err)
		}
	}
}
