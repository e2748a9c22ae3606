package github

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	client "github.com/google/go-github/v60/github"
)

func TestCompare(t *testing.T) {
	w := newWorld(t, t, Options{})
	w.push(t, "topic", map[string]string{"a": "b\n"})
	second := w.push(t, "main", map[string]string{"c": "d\n"})
	for spec, want := range map[string]struct {
		status        string
		ahead, behind int
	}{
		"main main":                   {"identical", 0, 0},
		w.first + " main":             {"ahead", 1, 0},
		"heads/main " + w.first[:10]:  {"behind", 0, 1},
		"main topic":                  {"diverged", 1, 1},
		"refs/heads/topic " + second:  {"diverged", 1, 1},
		w.first + " refs/heads/topic": {"ahead", 1, 0},
	} {
		base, head, _ := strings.Cut(spec, " ")
		got := must[*client.CommitsComparison](t)(w.bot.Repositories.CompareCommits(t.Context(), "org", "repo", base, head, nil))
		if got.GetStatus() != want.status || got.GetAheadBy() != want.ahead || got.GetBehindBy() != want.behind || len(got.Commits) != want.ahead {
			t.Errorf("%s: %s, %d ahead, %d behind, %d commits; want %v", spec, got.GetStatus(), got.GetAheadBy(), got.GetBehindBy(), len(got.Commits), want)
		}
	}
	_, _, err := w.bot.Repositories.CompareCommits(t.Context(), "org", "repo", "main", "nowhere", nil)
	wantError(t, err, 404, "Not Found")
}

func TestCommits(t *testing.T) {
	w := newWorld(t, t, Options{})
	second := w.push(t, "main", map[string]string{"dir/a": "b\n"})
	w.git(t, "-c", "user.name=x", "-c", "user.email=x@y", "tag", "-a", "-m", "tag", "20261121.00", w.first)
	repos := w.bot.Repositories
	for name, want := range map[string]string{
		"main": second, "heads/main": second, "refs/heads/main": second, second[:8]: second,
		"20261121.00": w.first, "tags/20261121.00": w.first,
	} {
		got, _, err := repos.GetCommitSHA1(t.Context(), "org", "repo", name, "")
		if err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", name, got, err, want)
		}
	}
	got := must[*client.RepositoryCommit](t)(repos.GetCommit(t.Context(), "org", "repo", second, nil))
	if len(got.Files) != 1 || got.Files[0].GetFilename() != "dir/a" || got.Stats.GetAdditions() != 1 || got.Author.GetLogin() != "alice" {
		t.Errorf("commit %v", got)
	}
	for _, name := range []string{"nowhere", "main~1", "main:dir", "main^{tree}"} {
		_, _, err := repos.GetCommit(t.Context(), "org", "repo", name, nil)
		wantError(t, err, 422, "No commit found for SHA: "+name)
	}
	list := must[[]*client.RepositoryCommit](t)(repos.ListCommits(t.Context(), "org", "repo", &client.CommitsListOptions{Path: "README.md"}))
	if len(list) != 1 || list[0].GetSHA() != w.first {
		t.Errorf("commits of README.md: %v", list)
	}
}

func TestBranchesAndTags(t *testing.T) {
	w := newWorld(t, t, Options{})
	w.push(t, "release/74", map[string]string{"a": "b"})
	w.git(t, "-c", "user.name=x", "-c", "user.email=x@y", "tag", "-a", "-m", "tag", "20261121.00", w.first)
	var names []string
	for _, b := range must[[]*client.Branch](t)(w.bot.Repositories.ListBranches(t.Context(), "org", "repo", nil)) {
		names = append(names, b.GetName())
	}
	if diff := cmp.Diff([]string{"main", "release/74"}, names); diff != "" {
		t.Errorf("branches (-want +got):\n%s", diff)
	}
	branch := must[*client.Branch](t)(w.bot.Repositories.GetBranch(t.Context(), "org", "repo", "release/74", 0))
	if branch.Commit.GetSHA() != w.git(t, "rev-parse", "release/74") {
		t.Errorf("branch %v", branch)
	}
	tags := must[[]*client.RepositoryTag](t)(w.bot.Repositories.ListTags(t.Context(), "org", "repo", nil))
	if len(tags) != 1 || tags[0].GetName() != "20261121.00" || tags[0].Commit.GetSHA() != w.first {
		t.Errorf("tags %v, want one that is peeled to %s", tags, w.first)
	}
}

func TestContents(t *testing.T) {
	w := newWorld(t, t, Options{})
	long := strings.Repeat("a line with ünïcode\n", 20)
	w.push(t, "main", map[string]string{"dir/with space": long, "OWNERS": "approvers: [alice]\n"})
	get := func(path, ref string) (*client.RepositoryContent, []*client.RepositoryContent, error) {
		file, folder, _, err := w.bot.Repositories.GetContents(t.Context(), "org", "repo", path, &client.RepositoryContentGetOptions{Ref: ref})
		return file, folder, err
	}
	file, _, err := get("dir/with space", "main")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := file.GetContent(); err != nil || text != long || file.GetSize() != len(long) {
		t.Errorf("content %q of %d bytes, %v", text, file.GetSize(), err)
	}
	_, folder, err := get("", "")
	var names []string
	for _, f := range folder {
		names = append(names, f.GetType()+" "+f.GetPath())
	}
	if diff := cmp.Diff([]string{"file OWNERS", "file README.md", "dir dir"}, names); err != nil || diff != "" {
		t.Errorf("%v; top folder (-want +got):\n%s", err, diff)
	}
	for path, ref := range map[string]string{"OWNERS": w.first, "missing": "main", "README.md": "nowhere"} {
		_, _, err := get(path, ref)
		wantError(t, err, 404, "")
	}
}

func TestRepositoryAndUser(t *testing.T) {
	w := newWorld(t, t, Options{DefaultBranch: "main", Collaborators: map[string]string{"bot": "triage"}})
	repo := must[*client.Repository](t)(w.bot.Repositories.Get(t.Context(), "org", "repo"))
	if repo.GetFullName() != "org/repo" || repo.GetDefaultBranch() != "main" || repo.GetPermissions()["push"] || !repo.GetPermissions()["triage"] {
		t.Errorf("repository %v", repo)
	}
	if user := must[*client.User](t)(w.bot.Users.Get(t.Context(), "")); user.GetLogin() != "bot" || user.GetType() != "User" {
		t.Errorf("user %v", user)
	}
	_, _, err := w.bot.Users.Get(t.Context(), "stranger")
	wantError(t, err, 404, "Not Found")
	if _, err := w.AddRepo("ORG", "repo", Options{}); err == nil {
		t.Error("the same repository was added twice")
	}
	if _, err := w.AddRepo("org", "other", Options{Collaborators: map[string]string{"bot": "owner"}}); err == nil {
		t.Error("a permission that GitHub does not know was taken")
	}
}
