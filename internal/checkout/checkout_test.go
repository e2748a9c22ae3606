package checkout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/git"
	"slipway.dev/slipway/internal/testkit/gitrepo"
)

// pullRequest makes refs/pull/NUMBER/head, a commit on top of base, and returns it.
func pullRequest(t *testing.T, r *gitrepo.Repo, number int, base string, files map[string]string) Pull {
	t.Helper()
	main := r.Ref("refs/heads/main")
	r.Git("update-ref", "refs/heads/main", base)
	sha := r.Commit(t, files)
	r.Git("update-ref", fmt.Sprintf("refs/pull/%d/head", number), sha)
	r.Git("update-ref", "refs/heads/main", main)
	return Pull{Number: number, SHA: sha}
}

// oldProtocol makes git speak protocol 0, in which a server hands out by hash
// only what it is configured to.
func oldProtocol(t *testing.T) {
	t.Helper()
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "protocol.version")
	t.Setenv("GIT_CONFIG_VALUE_0", "0")
}

// tree is every file below dir, with its content and whether it is executable.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		if info, statErr := d.Info(); statErr == nil && info.Mode()&0o111 != 0 {
			path += "*"
		}
		files[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestFetch(t *testing.T) {
	r := gitrepo.New(t)
	first := r.Commit(t, map[string]string{"README": "one\n", "bin/run": "#!/bin/sh\n"})
	second := r.Commit(t, map[string]string{"README": "two\n"})
	r.Git("update-ref", "refs/heads/other", first)
	r.Tag("20261121.00", second, "Release")
	tagObject := r.Git("rev-parse", "refs/tags/20261121.00")
	web := r.ServeHTTP(t)
	tests := []struct {
		name string
		req  Request
		want string // the README of the commit
		old  bool   // protocol 0
	}{
		{"tip by hash over file", Request{URL: r.URL, Commit: second}, "two\n", false},
		{"old commit by hash over file", Request{URL: r.URL, Commit: first}, "one\n", false},
		{"by path", Request{URL: r.Dir + "/", Commit: first}, "one\n", false},
		{"by hash over http", Request{URL: web, Commit: first}, "one\n", false},
		{"server without hashes", Request{URL: r.URL, Commit: first}, "one\n", true},
		{"tip of its branch", Request{URL: r.URL, Commit: second, Branch: "main"}, "two\n", false},
		{"ancestor of its branch", Request{URL: r.URL, Commit: first, Branch: "main"}, "one\n", false},
		{"hash of an annotated tag", Request{URL: r.URL, Commit: tagObject}, "two\n", false},
		{"hash of an annotated tag, with a branch", Request{URL: r.URL, Commit: tagObject, Branch: "main"}, "two\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.old {
				oldProtocol(t)
			}
			got, err := Fetch(t.Context(), tt.req, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"README": tt.want, "bin/run*": "#!/bin/sh\n"}
			if diff := cmp.Diff(want, tree(t, got.Dir)); diff != "" {
				t.Errorf("tree: -want +got:\n%s", diff)
			}
			commit := map[string]string{"one\n": first, "two\n": second}[tt.want]
			seconds := r.Git("show", "--no-patch", "--format=%ct", commit)
			if got.Commit != commit || fmt.Sprint(got.Time.Unix()) != seconds {
				t.Errorf("got commit %s of %v, want %s of %s", got.Commit, got.Time, commit, seconds)
			}
		})
	}
}

// The tree must not lie where the objects do, or outside of its folder, whatever the URL.
func TestFetchNamesTheTree(t *testing.T) {
	r := gitrepo.New(t)
	commit := r.Commit(t, map[string]string{"README": "one\n"})
	t.Chdir(r.Dir)
	if err := os.Symlink(".", ".git"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("below", 0o755); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{".": "source", "./.git": "source", "./": "source", "../remote.git/": "remote"} {
		dir := t.TempDir()
		got, err := Fetch(t.Context(), Request{URL: url, Commit: commit}, dir)
		if err != nil || got.Dir != filepath.Join(dir, want) {
			t.Errorf("%s: got %s, %v; want %s", url, got.Dir, err, want)
			continue
		}
		if diff := cmp.Diff(map[string]string{"README": "one\n"}, tree(t, got.Dir)); diff != "" {
			t.Errorf("%s: tree: -want +got:\n%s", url, diff)
		}
	}
	t.Chdir("below")
	if got, err := Fetch(t.Context(), Request{URL: "..", Commit: commit}, t.TempDir()); err != nil || filepath.Base(got.Dir) != "source" {
		t.Errorf("..: got %s, %v; want source", got.Dir, err)
	}
}

func TestFetchRefuses(t *testing.T) {
	r := gitrepo.New(t)
	base := r.Commit(t, map[string]string{"README": "one\n"})
	side := pullRequest(t, r, 7, base, map[string]string{"README": "side\n"}).SHA
	r.Commit(t, map[string]string{"README": "two\n"})
	hidden := pullRequest(t, r, 9, base, map[string]string{"README": "hidden\n"}).SHA
	pullRequest(t, r, 9, hidden, map[string]string{"README": "pushed over\n"})
	missing := strings.Repeat("0123456789", 4)
	tests := []struct {
		name string
		req  Request
		old  bool
		want []string // parts of the error
	}{
		{"short hash", Request{URL: r.URL, Commit: base[:12]}, false, []string{r.URL, base[:12], "--ref"}},
		{"branch as a commit", Request{URL: r.URL, Commit: "main"}, false, []string{`"main"`, "not a full hash", "--ref"}},
		{"no ancestor", Request{URL: r.URL, Commit: side, Branch: "main"}, false, []string{side[:12], "no ancestor of branch main", "--branch"}},
		{"unknown commit", Request{URL: r.URL, Commit: missing}, false, []string{missing, "push it first"}},
		{"unknown commit of a branch", Request{URL: r.URL, Commit: missing, Branch: "main"}, false, []string{missing, "push it first"}},
		{"only a pull's history holds it", Request{URL: r.URL, Commit: hidden}, true, []string{hidden, "no branch or tag holds", "push it first"}},
		{"unknown branch", Request{URL: r.URL, Commit: base, Branch: "nope"}, false, []string{"fetch branch nope", "nope"}},
		{"no repository", Request{URL: r.URL + ".not", Commit: base}, false, []string{r.URL + ".not"}},
		{"an option for a URL", Request{URL: "--upload-pack=touch x", Commit: base}, false, []string{"--upload-pack=touch x"}},
		{"pull of no hash", Request{URL: r.URL, Commit: base, Pulls: []Pull{{Number: 7, SHA: "HEAD"}}}, false, []string{"pull request 7", `"HEAD"`, "full hash"}},
		{"pull that is not there", Request{URL: r.URL, Commit: base, Pulls: []Pull{{Number: 8, SHA: side}}}, false, []string{"fetch pull request 8"}},
		{"pull pushed over", Request{URL: r.URL, Commit: base, Pulls: []Pull{{Number: 7, SHA: missing}}}, false, []string{"pull request 7 has no commit " + missing, "newest head"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.old {
				oldProtocol(t)
			}
			_, err := Fetch(t.Context(), tt.req, t.TempDir())
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got error %v, want one with %q", err, part)
				}
			}
		})
	}
	if _, err := os.Stat("x"); err == nil {
		t.Error("the URL was taken for an option")
	}
}

// A run that was interrupted must not be told that its commit is at fault.
func TestFetchInterrupted(t *testing.T) {
	r := gitrepo.New(t)
	commit := r.Commit(t, map[string]string{"README": "one\n"})
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by hand")
	cancel(stopped)
	for _, branch := range []string{"", "main"} {
		_, err := Fetch(ctx, Request{URL: r.URL, Commit: commit, Branch: branch}, t.TempDir())
		if !errors.Is(err, stopped) {
			t.Errorf("branch %q: got %v, want %v", branch, err, stopped)
		}
	}
}

func TestErrorsHoldNoPassword(t *testing.T) {
	const url = "http://bot:hunter2@127.0.0.1:1/org/name"
	_, err := Fetch(t.Context(), Request{URL: url, Commit: strings.Repeat("0123456789", 4)}, t.TempDir())
	_, headErr := DefaultBranch(t.Context(), url)
	for _, err := range []error{err, headErr} {
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "127.0.0.1:1/org/name") {
			t.Errorf("got error %v, want one that names the repository without its password", err)
		}
	}
}

func TestFetchMergesPulls(t *testing.T) {
	r := gitrepo.New(t)
	old := r.Commit(t, map[string]string{"README": "one\n", "a": "1\n"})
	base := r.Commit(t, map[string]string{"README": "two\n"})
	first := pullRequest(t, r, 12, base, map[string]string{"b": "from 12\n"})
	behind := pullRequest(t, r, 13, old, map[string]string{"a": "from 13\n"})
	for _, url := range []string{r.URL, r.ServeHTTP(t)} {
		got, err := Fetch(t.Context(), Request{URL: url, Commit: base, Pulls: []Pull{first, behind}}, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"README": "two\n", "a": "from 13\n", "b": "from 12\n"}
		if diff := cmp.Diff(want, tree(t, got.Dir)); diff != "" {
			t.Errorf("%s: tree: -want +got:\n%s", url, diff)
		}
		if got.Commit != base {
			t.Errorf("%s: got commit %s, want the base %s", url, got.Commit, base)
		}
	}
}

func TestFetchConflict(t *testing.T) {
	r := gitrepo.New(t)
	old := r.Commit(t, map[string]string{"README": "one\n"})
	base := r.Commit(t, map[string]string{"README": "two\n"})
	pull := pullRequest(t, r, 12, old, map[string]string{"README": "three\n"})
	_, err := Fetch(t.Context(), Request{URL: r.URL, Commit: base, Pulls: []Pull{pull}}, t.TempDir())
	if err == nil {
		t.Fatal("a conflict was merged")
	}
	for _, part := range []string{"pull request 12 does not merge into " + base[:12], "rebase it", "README"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got error %v, want one with %q", err, part)
		}
	}
}

func TestDefaultBranch(t *testing.T) {
	r := gitrepo.New(t)
	if branch, err := DefaultBranch(t.Context(), r.URL); err == nil || !strings.Contains(err.Error(), "--branch") {
		t.Errorf("empty repository: got %q, %v; want an error that names --branch", branch, err)
	}
	commit := r.Commit(t, map[string]string{"README": "one\n"})
	r.Git("update-ref", "refs/heads/team/trunk", commit)
	r.Git("symbolic-ref", "HEAD", "refs/heads/team/trunk")
	if branch, err := DefaultBranch(t.Context(), r.URL); err != nil || branch != "team/trunk" {
		t.Errorf("got %q, %v; want team/trunk", branch, err)
	}
	t.Run("named from a folder of another checkout", func(t *testing.T) {
		outer := t.TempDir()
		if _, err := git.Run(t.Context(), git.Command{Args: []string{"init", "--quiet", outer}}); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Mkdir(filepath.Join(outer, "sub"), 0o755), os.Symlink(r.Dir, filepath.Join(outer, "sub", "repo"))); err != nil {
			t.Fatal(err)
		}
		t.Chdir(filepath.Join(outer, "sub"))
		if branch, err := DefaultBranch(t.Context(), "repo"); err != nil || branch != "team/trunk" {
			t.Errorf("got %q, %v; want team/trunk", branch, err)
		}
	})
	if _, err := DefaultBranch(t.Context(), r.URL+".not"); err == nil || !strings.Contains(err.Error(), r.URL+".not") {
		t.Errorf("no repository: got %v, want an error that names it", err)
	}
}

func TestTimeOf(t *testing.T) {
	r := gitrepo.New(t)
	r.Commit(t, map[string]string{"sub/file": "one\n"})
	clone := filepath.Join(t.TempDir(), "clone")
	if err := exec.Run(t.Context(), exec.Cmd{Args: []string{"git", "clone", "--quiet", r.URL, clone}}); err != nil {
		t.Fatal(err)
	}
	committed := time.Unix(1767225601, 0).UTC() // the fixture's clock
	for _, dir := range []string{clone, filepath.Join(clone, "sub")} {
		if got, err := TimeOf(t.Context(), dir); err != nil || !got.Equal(committed) {
			t.Errorf("%s: got %v, %v; want %v", dir, got, err, committed)
		}
	}
	before := time.Now().Truncate(time.Second)
	got, err := TimeOf(t.Context(), t.TempDir())
	if err != nil || got.Before(before) || got.After(time.Now()) {
		t.Errorf("plain folder: got %v, %v; want now", got, err)
	}
}
