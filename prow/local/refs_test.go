package local

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/gitrepo"
)

// clone makes a checkout of a repository, called guest.
func clone(t testing.TB, from *gitrepo.Repo) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "guest")
	gitIn(t, ".", "clone", "--quiet", from.URL, dir)
	return dir
}

func gitIn(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := exec.Output(t.Context(), exec.Cmd{Args: append([]string{"git", "-C", dir}, args...), Env: append(os.Environ(),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com")})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func write(t testing.TB, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func find(t testing.TB, name string) Job {
	t.Helper()
	job, err := load(t).Find(name, func(r string) bool { return r == "example/guest" }, "main")
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// resolve resolves an event, makes the copies, and returns what the job sees.
func resolve(t testing.TB, job string, e Event) ([]Source, []Copy, error) {
	t.Helper()
	sources, err := e.Resolve(t.Context(), find(t, job), t.TempDir(), func(s string) { t.Log(s) })
	if err != nil {
		return nil, nil, err
	}
	copies, err := CopyAll(t.Context(), sources, t.TempDir(), nil)
	return sources, copies, err
}

func TestPullRequestOfTheWorkingTree(t *testing.T) {
	remote := gitrepo.New(t)
	base := remote.Commit(t, map[string]string{"kept": "1", "changed": "1", "gone": "1", ".gitignore": "*.o\n"})
	dir := clone(t, remote)
	write(t, dir, "changed", "2")
	write(t, dir, "new file\nwith a newline", "3")
	write(t, dir, "sub/x.o", "ignored")
	write(t, dir, ".git/info/exclude", "private\n")
	write(t, dir, "private", "ignored")
	if err := os.Remove(filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	before := gitIn(t, dir, "status", "--porcelain", "--branch") + gitIn(t, dir, "count-objects", "-v")
	sources, copies, err := resolve(t, "pull-test", Event{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	refs := sources[0].Refs
	if refs.Org != "example" || refs.Repo != "guest" || refs.BaseRef != "main" || refs.BaseSHA != base || refs.CloneURI != "file:///slipway/git/example/guest.git" {
		t.Errorf("got refs %+v", refs)
	}
	got := gitIn(t, copies[0].Folder, "-c", "core.quotePath=false", "diff-tree", "-r", "-z", "--name-status", "refs/heads/main", "refs/pull/1/head")
	if want := "M\x00changed\x00D\x00gone\x00A\x00new file\nwith a newline\x00"; got != want {
		t.Errorf("the pull request changes %q, want %q", got, want)
	}
	if after := gitIn(t, dir, "status", "--porcelain", "--branch") + gitIn(t, dir, "count-objects", "-v"); after != before {
		t.Errorf("the checkout was\n%s\nand is\n%s", before, after)
	}
	again, _, err := resolve(t, "pull-test", Event{Dir: dir})
	if err != nil || again[0].Refs.Pulls[0].SHA != refs.Pulls[0].SHA {
		t.Errorf("the same files are commit %s and %+v (%v)", refs.Pulls[0].SHA, again, err)
	}
}

func TestResolve(t *testing.T) {
	remote := gitrepo.New(t)
	first := remote.Commit(t, map[string]string{"a": "1"})
	second := remote.Commit(t, map[string]string{"a": "2"})
	remote.Git("update-ref", "refs/heads/v1", first)
	remote.Git("update-ref", "refs/pull/12/head", second)
	remote.Tag("v1.0", first, "annotated")
	dir := clone(t, remote)
	tests := []struct {
		name, job string
		event     Event
		base      string // commit
		ref       string
		pulls     []int
		head      string
	}{
		{name: "a merge in the working folder", job: "post-build", event: Event{Dir: dir}, base: second, ref: "main"},
		{name: "a merge at a URL", job: "post-build", event: Event{Repo: remote.ServeHTTP(t)}, base: second, ref: "main"},
		{name: "an older merge", job: "post-build", event: Event{Repo: remote.URL, BaseSHA: first}, base: first, ref: "main"},
		{name: "another branch", job: "post-build", event: Event{Repo: remote.URL, BaseRef: "v1"}, base: first, ref: "v1"},
		{name: "a branch of origin", job: "pull-test", event: Event{Dir: dir, BaseRef: "v1", Pull: 3, PullRef: second}, base: first, ref: "v1", pulls: []int{3}, head: second},
		{name: "a pull request by number", job: "pull-test", event: Event{Repo: remote.URL, Pull: 12}, base: second, ref: "main", pulls: []int{12}, head: second},
		{name: "a pull request by ref", job: "pull-test", event: Event{Dir: dir, Pull: 4, PullRef: "v1.0"}, base: second, ref: "main", pulls: []int{4}, head: first},
		{name: "a pull request by ref of a remote", job: "pull-test", event: Event{Repo: remote.ServeHTTP(t), Pull: 4, PullRef: "v1.0"}, base: second, ref: "main", pulls: []int{4}, head: first},
		{name: "a pull request by relative name", job: "pull-test", event: Event{Dir: dir, PullRef: "HEAD~1"}, base: second, ref: "main", pulls: []int{1}, head: first},
		{name: "a clean working tree", job: "pull-test", event: Event{Dir: dir}, base: second, ref: "main", pulls: []int{1}, head: second},
		{name: "a periodic", job: "nightly", event: Event{Dir: dir, Extra: map[string]string{"example/tools": remote.URL}}, base: second, ref: "main"},
		{name: "a periodic on another branch", job: "nightly", event: Event{Repo: dir, BaseRef: "v1", Extra: map[string]string{"example/tools": remote.URL}}, base: first, ref: "v1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sources, copies, err := resolve(t, tt.job, tt.event)
			if err != nil {
				t.Fatal(err)
			}
			refs := sources[0].Refs
			var pulls []int
			for _, p := range refs.Pulls {
				pulls = append(pulls, p.Number)
				if p.SHA != tt.head || gitIn(t, copies[0].Folder, "rev-parse", pullRef(p.Number)) != tt.head {
					t.Errorf("pull request %d is %s, want %s", p.Number, p.SHA, tt.head)
				}
			}
			if refs.BaseSHA != tt.base || refs.BaseRef != tt.ref || !cmp.Equal(pulls, tt.pulls) {
				t.Errorf("got refs %+v", refs)
			}
			if got := gitIn(t, copies[0].Folder, "rev-parse", "refs/heads/"+tt.ref, "HEAD"); got != tt.base+"\n"+tt.base {
				t.Errorf("the copy's branch is %s, want %s", got, tt.base)
			}
			if got := gitIn(t, copies[0].Folder, "tag"); got != "v1.0" {
				t.Errorf("the copy's tags are %q", got)
			}
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	remote := gitrepo.New(t)
	sha := remote.Commit(t, map[string]string{"a": "1"})
	elsewhere := t.TempDir()
	missing := strings.Repeat("0", 39) + "1"
	tests := []struct {
		name, job string
		event     Event
		want      string
	}{
		{"no checkout", "pull-test", Event{Dir: elsewhere}, "the working folder is no checkout of example/guest"},
		{"no folder", "pull-test", Event{Repo: elsewhere + "/x"}, "is no folder"},
		{"bare", "pull-test", Event{Repo: remote.Dir}, "it has no working tree; name a commit with --pull"},
		{"remote tree", "pull-test", Event{Repo: remote.ServeHTTP(t)}, "is not on this machine"},
		{"pull of a merge", "post-build", Event{Repo: remote.Dir, Pull: 1}, "has no pull request"},
		{"base of a periodic", "nightly", Event{Repo: remote.Dir, BaseSHA: sha}, "--base-sha"},
		{"no extra ref", "post-build", Event{Repo: remote.Dir, Extra: map[string]string{"example/tolos": remote.Dir}}, "--extra-repo example/tolos: post-build has no such extra ref"},
		{"no repository", "plain", Event{Repo: remote.Dir}, "has no repository"},
		{"no branch", "post-build", Event{Repo: remote.Dir, BaseRef: "nope"}, "no commit refs/heads/nope"},
		{"no pull request", "pull-test", Event{Repo: remote.Dir, Pull: 9}, "pull request 9:"},
		{"missing commit", "pull-test", Event{Repo: remote.ServeHTTP(t), Pull: 9, PullRef: missing}, missing},
		{"in place and uncommitted", "pull-test", Event{Repo: remote.Dir, InPlace: true}, "--pull-ref"},
		{"in place elsewhere", "post-build", Event{Repo: remote.ServeHTTP(t), InPlace: true}, "--in-place"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := resolve(t, tt.job, tt.event)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want %q", err, tt.want)
			}
		})
	}
}

// An old server hands out what a ref names and nothing else.
func TestServerThatHandsOutRefsOnly(t *testing.T) {
	remote := gitrepo.New(t)
	first := remote.Commit(t, map[string]string{"a": "1"})
	second := remote.Commit(t, map[string]string{"a": "2"})
	remote.Commit(t, map[string]string{"a": "3"})
	remote.Git("update-ref", "refs/pull/7/head", second)
	for name, value := range map[string]string{"COUNT": "1", "KEY_0": "protocol.version", "VALUE_0": "0"} {
		t.Setenv("GIT_CONFIG_"+name, value)
	}
	_, copies, err := resolve(t, "pull-test", Event{Repo: remote.ServeHTTP(t), BaseSHA: first, Pull: 7})
	if err != nil {
		t.Fatal(err)
	}
	if got := gitIn(t, copies[0].Folder, "rev-parse", "refs/heads/main", pullRef(7)); got != first+"\n"+second {
		t.Errorf("the copy has\n%s\nwant\n%s\n%s", got, first, second)
	}
}

func TestNewTags(t *testing.T) {
	remote := gitrepo.New(t)
	sha := remote.Commit(t, map[string]string{"a": "1"})
	remote.Tag("old", sha, "")
	_, copies, err := resolve(t, "post-build", Event{Repo: remote.Dir})
	if err != nil {
		t.Fatal(err)
	}
	gitIn(t, copies[0].Folder, "tag", "20261121.00", sha)
	tags, err := copies[0].NewTags(t.Context())
	if err != nil || !cmp.Equal(tags, []string{"20261121.00"}) {
		t.Errorf("got tags %q, %v", tags, err)
	}
	if remote.Git("tag") != "old" {
		t.Error("the job's tag is in the original")
	}
}

func TestMeans(t *testing.T) {
	remote := gitrepo.New(t)
	remote.Commit(t, map[string]string{"a": "1"})
	dir := clone(t, remote)
	other := filepath.Join(t.TempDir(), "other")
	gitIn(t, ".", "clone", "--quiet", dir, other)
	gitIn(t, other, "remote", "set-url", "origin", "git@git.example.com:example/guest.git")
	for _, tt := range []struct {
		event Event
		want  bool
	}{
		{Event{Repo: "example/guest"}, true},
		{Event{Repo: "example/other"}, false},
		{Event{Repo: "https://git.example.com/fork/guest.git"}, true},
		{Event{Repo: "https://git.example.com/fork/other"}, false},
		{Event{Repo: dir}, true},
		{Event{Dir: dir}, true},
		{Event{Repo: other}, true},
		{Event{Repo: remote.Dir}, false},
		{Event{Dir: t.TempDir()}, false},
		{Event{Repo: "/no/such"}, false},
	} {
		if got := tt.event.Means(t.Context(), "example/guest"); got != tt.want {
			t.Errorf("%+v means example/guest: %v", tt.event, got)
		}
	}
}

func TestInPlace(t *testing.T) {
	remote := gitrepo.New(t)
	remote.Commit(t, map[string]string{"a": "1"})
	dir := clone(t, remote)
	sources, copies, err := resolve(t, "post-build", Event{Repo: dir, InPlace: true})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, ".git"); sources[0].InPlace != want || copies[0].Folder != want {
		t.Errorf("got %s and %s, want %s", sources[0].InPlace, copies[0].Folder, want)
	}
}

// Whatever refs are named, the commit that the job is told is the one in the copy.
func TestRandomRefs(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	remote := gitrepo.New(t)
	var commits []string
	for i := range 8 {
		commits = append(commits, remote.Commit(t, map[string]string{"a": fmt.Sprint(i)}))
	}
	for i := range 10 {
		pick := func() string { return commits[random.IntN(len(commits))] }
		branch := fmt.Sprintf("b/%d-é", i)
		base, head := pick(), pick()
		remote.Git("update-ref", "refs/heads/"+branch, base)
		number := 1 + random.IntN(100000)
		remote.Git("update-ref", pullRef(number), head)
		e := Event{Repo: remote.Dir, BaseRef: branch, Pull: number}
		if random.IntN(2) == 0 {
			e.BaseSHA, e.PullRef = pick(), pick()
			base, head = e.BaseSHA, e.PullRef
		}
		sources, copies, err := resolve(t, "pull-test", e)
		if err != nil {
			t.Fatalf("%+v: %v", e, err)
		}
		want := prowapi.Refs{BaseRef: branch, BaseSHA: base}
		got := sources[0].Refs
		if got.BaseRef != want.BaseRef || got.BaseSHA != base || got.Pulls[0].SHA != head ||
			gitIn(t, copies[0].Folder, "rev-parse", pullRef(number), "refs/heads/"+branch) != head+"\n"+base {
			t.Errorf("%+v: got %+v", e, got)
		}
	}
}
