package github

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	client "github.com/google/go-github/v60/github"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

func ref(name, sha string) *client.Reference {
	return &client.Reference{Ref: client.String(name), Object: &client.GitObject{SHA: client.String(sha)}}
}

func TestRefsThroughTheirLife(t *testing.T) {
	for _, base := range []string{"", "/api/v3"} {
		t.Run("base "+base, func(t *testing.T) {
			w := newWorld(t, t, Options{})
			second := w.push(t, "main", map[string]string{"a": "b"})
			git := newClient(t, w.URL()+base, "bot-token").Git

			made := must[*client.Reference](t)(git.CreateRef(t.Context(), "org", "repo", ref("refs/tags/20261121.00", w.first)))
			if got, want := made.GetURL(), w.URL()+base+"/repos/org/repo/git/refs/tags/20261121.00"; got != want {
				t.Errorf("url %s, want %s", got, want)
			}
			got := must[*client.Reference](t)(git.GetRef(t.Context(), "org", "repo", "tags/20261121.00"))
			if got.Object.GetSHA() != w.first || got.Object.GetType() != "commit" {
				t.Errorf("got %v, want the commit %s", got, w.first)
			}
			moved := must[*client.Reference](t)(git.UpdateRef(t.Context(), "org", "repo", ref("refs/tags/20261121.00", second), false))
			if moved.Object.GetSHA() != second {
				t.Errorf("moved to %s, want %s", moved.Object.GetSHA(), second)
			}
			if _, err := git.DeleteRef(t.Context(), "org", "repo", "tags/20261121.00"); err != nil {
				t.Error(err)
			}
			_, _, err := git.GetRef(t.Context(), "org", "repo", "tags/20261121.00")
			wantError(t, err, 404, "Not Found")
		})
	}
}

func TestRefusedRefs(t *testing.T) {
	w := newWorld(t, t, Options{})
	second := w.push(t, "main", map[string]string{"a": "b"})
	missing := strings.Repeat("1", 40)
	for _, row := range []struct {
		name, method, path, body string
		status                   int
		message                  string
	}{
		{"taken", "POST", "/git/refs", `{"ref":"refs/heads/main","sha":"` + w.first + `"}`, 422, "Reference already exists"},
		{"no refs/", "POST", "/git/refs", `{"ref":"tags/a/b","sha":"` + w.first + `"}`, 422, "must start with 'refs/'"},
		{"one slash", "POST", "/git/refs", `{"ref":"refs/a","sha":"` + w.first + `"}`, 422, "at least three slash-separated"},
		{"bad name", "POST", "/git/refs", `{"ref":"refs/tags/a..b","sha":"` + w.first + `"}`, 422, "not a valid ref name"},
		{"no object", "POST", "/git/refs", `{"ref":"refs/tags/a","sha":"` + missing + `"}`, 422, "Object does not exist"},
		{"short sha", "POST", "/git/refs", `{"ref":"refs/tags/a","sha":"` + w.first[:7] + `"}`, 422, "exactly 40 characters"},
		{"below a ref", "POST", "/git/refs", `{"ref":"refs/heads/main/x","sha":"` + w.first + `"}`, 422, "Reference update failed"},
		{"backwards", "PATCH", "/git/refs/heads/main", `{"sha":"` + w.first + `"}`, 422, "not a fast forward"},
		{"move nothing", "PATCH", "/git/refs/tags/no", `{"sha":"` + second + `"}`, 422, "Reference does not exist"},
		{"delete nothing", "DELETE", "/git/refs/tags/no", "", 422, "Reference does not exist"},
		{"get nothing", "GET", "/git/ref/tags/no", "", 404, "Not Found"},
		{"get a prefix", "GET", "/git/ref/heads/mai", "", 404, "Not Found"},
		{"a pattern", "GET", "/git/ref/heads/*", "", 404, "Not Found"},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, answer := w.send(t, row.method, "/repos/org/repo"+row.path, "bot-token", row.body)
			if status != row.status || !strings.Contains(answer, row.message) {
				t.Errorf("answer %d %s, want %d %s", status, answer, row.status, row.message)
			}
		})
	}
}

func TestForcedUpdate(t *testing.T) {
	w := newWorld(t, t, Options{})
	w.push(t, "main", map[string]string{"a": "b"})
	moved := must[*client.Reference](t)(w.bot.Git.UpdateRef(t.Context(), "org", "repo", ref("refs/heads/main", w.first), true))
	if got := moved.Object.GetSHA(); got != w.first {
		t.Errorf("main is at %s, want %s", got, w.first)
	}
}

func TestMatchingRefsPageByPage(t *testing.T) {
	w := newWorld(t, t, Options{})
	var want []string
	for i := range 25 {
		name := fmt.Sprintf("refs/tags/20261121.%02d", i)
		must[*client.Reference](t)(w.bot.Git.CreateRef(t.Context(), "org", "repo", ref(name, w.first)))
		want = append(want, name)
	}
	must[*client.Reference](t)(w.bot.Git.CreateRef(t.Context(), "org", "repo", ref("refs/tags/20261121.99/below", w.first)))
	must[*client.Reference](t)(w.bot.Git.CreateRef(t.Context(), "org", "repo", ref("refs/tags/20261122.00", w.first)))
	want = append(want, "refs/tags/20261121.99/below")

	var got []string
	options := &client.ReferenceListOptions{Ref: "tags/20261121.", ListOptions: client.ListOptions{PerPage: 10}}
	pages := 0
	for {
		refs, resp, err := w.bot.Git.ListMatchingRefs(t.Context(), "org", "repo", options)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range refs {
			got = append(got, r.GetRef())
		}
		pages++
		if resp.NextPage == 0 {
			break
		}
		if resp.LastPage != 3 {
			t.Errorf("last page is %d, want 3", resp.LastPage)
		}
		options.Page = resp.NextPage
	}
	if diff := cmp.Diff(want, got); diff != "" || pages != 3 {
		t.Errorf("%d pages, want 3; refs (-want +got):\n%s", pages, diff)
	}
}

func TestNoMatchingRefsIsAnEmptyList(t *testing.T) {
	w := newWorld(t, t, Options{})
	if status, body := w.send(t, "GET", "/repos/org/repo/git/matching-refs/tags/x", "", ""); status != 200 || body != "[]" {
		t.Errorf("got %d %s, want 200 []", status, body)
	}
}

func TestOldGetRefsAsProwAsks(t *testing.T) {
	w := newWorld(t, t, Options{})
	w.push(t, "main2", map[string]string{"a": "b"})
	for path, want := range map[string]string{"heads/main": `{"ref":"refs/heads/main"`, "heads/mai": `[{"ref":"refs/heads/main"`, "heads/no": `{"message":"Not Found"`} {
		if _, body := w.send(t, "GET", "/repos/org/repo/git/refs/"+path, "", ""); !strings.HasPrefix(body, want) {
			t.Errorf("%s: %s, want it to begin with %s", path, body, want)
		}
	}
}

// Our reading of the rules is git's.
func TestRefNamesAsGitTakesThem(t *testing.T) {
	need.Tool(t, "git", "git")
	for _, name := range []string{
		"refs/heads/main", "refs/tags/20261121.00", "refs/slipway/claims/20261121.00", "refs/heads/a.b-c_d@e",
		"refs/heads/ünïcode", "refs/heads/@", "refs/heads/a.lock.b", "refs/heads/a{b", "refs/heads/-a",
		"refs/heads/", "/refs/heads/a", "refs//heads/a", "refs/heads/.a", "refs/.heads/a", "refs/heads/a.lock",
		"refs/heads.lock/a", "refs/heads/a..b", "refs/heads/a b", "refs/heads/a~b", "refs/heads/a^b", "refs/heads/a:b",
		"refs/heads/a?b", "refs/heads/a*b", "refs/heads/a[b", "refs/heads/a\\b", "refs/heads/a@{b", "refs/heads/a.",
		"refs/heads/a\tb", "refs/heads/a\x7fb",
	} {
		err := exec.Run(t.Context(), exec.Cmd{Args: []string{"git", "check-ref-format", name}})
		if got := validRefName(name); got != (err == nil) {
			t.Errorf("%q is valid: %v, git says %v", name, got, err)
		}
	}
}

// Only one of many racing creators wins, whether they bring one object or one each.
func TestOneCreatorWins(t *testing.T) {
	const racers = 50
	w := newWorld(t, t, Options{})
	var won, taken atomic.Int32
	var wait sync.WaitGroup
	for range racers {
		wait.Go(func() {
			_, resp, err := w.bot.Git.CreateRef(t.Context(), "org", "repo", ref("refs/slipway/claims/20261121.00", w.first))
			switch {
			case err == nil && resp.StatusCode == 201:
				won.Add(1)
			case resp != nil && resp.StatusCode == 422 && strings.Contains(err.Error(), "Reference already exists"):
				taken.Add(1)
			default:
				t.Errorf("got %v", err)
			}
		})
	}
	wait.Wait()
	if won.Load() != 1 || taken.Load() != racers-1 {
		t.Errorf("%d won and %d lost, want 1 and %d", won.Load(), taken.Load(), racers-1)
	}
	if got := w.Requests().Count("POST /repos/{owner}/{repo}/git/refs"); got != racers {
		t.Errorf("the log counts %d requests, want %d", got, racers)
	}
}

// The API and a push race for the same names: each name has one owner, and both see the same.
func TestPushAndAPIShareRefs(t *testing.T) {
	const names = 10
	w := newWorld(t, t, Options{})
	var won [names]atomic.Int32
	var wait sync.WaitGroup
	for i := range names {
		name := fmt.Sprintf("refs/slipway/claims/20261121.%02d", i)
		wait.Go(func() {
			if _, _, err := w.bot.Git.CreateRef(t.Context(), "org", "repo", ref(name, w.first)); err == nil {
				won[i].Add(1)
			}
		})
		wait.Go(func() {
			out, err := exec.Output(t.Context(), exec.Cmd{Args: []string{
				"git", "--git-dir", w.repo.GitDir, "push", "--porcelain", "--force-with-lease=" + name + ":",
				w.repo.GitDir, "main^{tree}:" + name,
			}})
			if err == nil && strings.Contains(string(out), "[new reference]") {
				won[i].Add(1)
			}
		})
	}
	wait.Wait()
	for i := range won {
		if got := won[i].Load(); got != 1 {
			t.Errorf("claim %d has %d owners, want 1", i, got)
		}
	}
	refs := must[[]*client.Reference](t)(w.bot.Git.ListMatchingRefs(t.Context(), "org", "repo", &client.ReferenceListOptions{Ref: "slipway/claims/"}))
	if len(refs) != names {
		t.Errorf("the API lists %d claims, want %d", len(refs), names)
	}
}

func TestTagObjects(t *testing.T) {
	w := newWorld(t, t, Options{})
	made := must[*client.Tag](t)(w.bot.Git.CreateTag(t.Context(), "org", "repo", &client.Tag{
		Tag: client.String("20261121.00"), Message: client.String("Release 20261121.00\n\nBuilt."),
		Object: &client.GitObject{SHA: &w.first, Type: client.String("commit")},
	}))
	must[*client.Reference](t)(w.bot.Git.CreateRef(t.Context(), "org", "repo", ref("refs/tags/20261121.00", made.GetSHA())))
	got := must[*client.Tag](t)(w.bot.Git.GetTag(t.Context(), "org", "repo", made.GetSHA()))
	if diff := cmp.Diff(made, got); diff != "" {
		t.Errorf("what was made is not what is got (-made +got):\n%s", diff)
	}
	if got.GetTag() != "20261121.00" || got.Object.GetSHA() != w.first || got.Tagger.GetName() != "bot" {
		t.Errorf("got %v", got)
	}
	out, err := exec.Output(t.Context(), exec.Cmd{Args: []string{"git", "--git-dir", w.repo.GitDir, "describe", "--exact-match", w.first}})
	if err != nil || strings.TrimSpace(string(out)) != "20261121.00" {
		t.Errorf("git describes the commit as %q, %v", out, err)
	}
	named := must[*client.Reference](t)(w.bot.Git.GetRef(t.Context(), "org", "repo", "tags/20261121.00"))
	if named.Object.GetType() != "tag" {
		t.Errorf("the ref points to a %s, want a tag", named.Object.GetType())
	}
}

func TestRefusedTagObjects(t *testing.T) {
	w := newWorld(t, t, Options{})
	for _, object := range []*client.GitObject{
		{SHA: client.String(strings.Repeat("1", 40)), Type: client.String("commit")},
		{SHA: &w.first, Type: client.String("tree")},
	} {
		_, _, err := w.bot.Git.CreateTag(t.Context(), "org", "repo", &client.Tag{Tag: client.String("x"), Message: client.String("x"), Object: object})
		wantError(t, err, 422, "Could not verify object")
	}
	_, _, err := w.bot.Git.GetTag(t.Context(), "org", "repo", w.first)
	wantError(t, err, 404, "Not Found")
}

func TestGitCommit(t *testing.T) {
	w := newWorld(t, t, Options{})
	second := w.push(t, "main", map[string]string{"a": "b"})
	got := must[*client.Commit](t)(w.bot.Git.GetCommit(t.Context(), "org", "repo", second))
	if len(got.Parents) != 1 || got.Parents[0].GetSHA() != w.first || got.GetMessage() != "Change main" || got.Author.GetName() != "alice" {
		t.Errorf("got %v", got)
	}
}
