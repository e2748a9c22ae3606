package github

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	client "github.com/google/go-github/v60/github"

	"slipway.dev/slipway/internal/exec"
)

func (w *world) openPull(t *testing.T, branch string, files map[string]string) int {
	t.Helper()
	w.push(t, branch, files)
	number, err := w.repo.OpenPullAs("alice", NewPull{Title: "Add " + branch, Head: branch})
	if err != nil {
		t.Fatal(err)
	}
	return number
}

func (w *world) git(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Output(t.Context(), exec.Cmd{Args: append([]string{"git", "--git-dir", w.repo.GitDir}, args...)})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestPullThroughItsLife(t *testing.T) {
	w := newWorld(t, t, Options{})
	w.push(t, "topic", map[string]string{"new.txt": "one\ntwo\n", "README.md": "hello, world\n"})
	opened := must[*client.PullRequest](t)(w.bot.PullRequests.Create(t.Context(), "org", "repo", &client.NewPullRequest{
		Title: client.String("A topic"), Head: client.String("topic"), Base: client.String("main"), Body: client.String("Why."),
	}))
	number := opened.GetNumber()
	if !opened.GetMergeable() || opened.GetChangedFiles() != 2 || opened.GetAdditions() != 3 || opened.GetCommits() != 1 {
		t.Errorf("opened %v", opened)
	}
	if got, want := w.git(t, "rev-parse", "refs/pull/1/head"), opened.Head.GetSHA(); got != want {
		t.Errorf("refs/pull/1/head is %s, want %s", got, want)
	}
	if got, want := w.git(t, "rev-parse", "refs/pull/1/merge"), opened.GetMergeCommitSHA(); got != want {
		t.Errorf("refs/pull/1/merge is %s, want %s", got, want)
	}
	if got := w.git(t, "show", "refs/pull/1/merge:new.txt"); got != "one\ntwo" {
		t.Errorf("the merge result holds %q", got)
	}

	files := must[[]*client.CommitFile](t)(w.bot.PullRequests.ListFiles(t.Context(), "org", "repo", number, nil))
	var names []string
	for _, f := range files {
		names = append(names, f.GetStatus()+" "+f.GetFilename()+" "+f.GetPatch())
	}
	want := []string{"modified README.md @@ -1 +1 @@\n-hello\n+hello, world", "added new.txt @@ -0,0 +1,2 @@\n+one\n+two"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}

	merged, _, err := w.bot.PullRequests.Merge(t.Context(), "org", "repo", number, "", &client.PullRequestOptions{SHA: opened.Head.GetSHA()})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.git(t, "rev-parse", "main"); got != merged.GetSHA() {
		t.Errorf("main is %s, want the merge %s", got, merged.GetSHA())
	}
	after := must[*client.PullRequest](t)(w.bot.PullRequests.Get(t.Context(), "org", "repo", number))
	if !after.GetMerged() || after.GetState() != "closed" || after.MergedBy.GetLogin() != "bot" || after.GetMergeCommitSHA() != merged.GetSHA() {
		t.Errorf("after the merge: %v", after)
	}
	if is, _, err := w.bot.PullRequests.IsMerged(t.Context(), "org", "repo", number); err != nil || !is {
		t.Errorf("is merged: %v, %v", is, err)
	}
}

func TestPullConflicts(t *testing.T) {
	w := newWorld(t, t, Options{})
	number := w.openPull(t, "topic", map[string]string{"README.md": "theirs\n"})
	w.push(t, "main", map[string]string{"README.md": "ours\n"})
	got := must[*client.PullRequest](t)(w.bot.PullRequests.Get(t.Context(), "org", "repo", number))
	if got.GetMergeable() || got.GetMergeableState() != "dirty" {
		t.Errorf("mergeable %v, state %s, want a conflict", got.GetMergeable(), got.GetMergeableState())
	}
	_, _, err := w.bot.PullRequests.Merge(t.Context(), "org", "repo", number, "", nil)
	wantError(t, err, 405, "not mergeable")
}

func TestMergeOfAnotherHeadIsRefused(t *testing.T) {
	w := newWorld(t, t, Options{})
	number := w.openPull(t, "topic", map[string]string{"a": "b"})
	_, _, err := w.bot.PullRequests.Merge(t.Context(), "org", "repo", number, "", &client.PullRequestOptions{SHA: w.first})
	wantError(t, err, 409, "Head branch was modified")
}

// A plain git push moves the pull request too.
func TestPullFollowsGitPush(t *testing.T) {
	w := newWorld(t, t, Options{})
	number := w.openPull(t, "topic", map[string]string{"a": "b"})
	tree := w.git(t, "rev-parse", "main^{tree}")
	pushed := w.git(t, "-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", "-m", "By hand", "-p", "topic", tree)
	w.git(t, "update-ref", "refs/heads/topic", pushed)
	got := must[*client.PullRequest](t)(w.bot.PullRequests.Get(t.Context(), "org", "repo", number))
	if got.Head.GetSHA() != pushed || got.GetCommits() != 2 {
		t.Errorf("head %s with %d commits, want %s with 2", got.Head.GetSHA(), got.GetCommits(), pushed)
	}
}

func TestListPulls(t *testing.T) {
	w := newWorld(t, t, Options{})
	for _, branch := range []string{"a", "b", "c"} {
		w.openPull(t, branch, map[string]string{branch: "x"})
	}
	if err := w.repo.SetPullAs("alice", 2, "closed"); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		options client.PullRequestListOptions
		want    []int
	}{
		"open":      {client.PullRequestListOptions{}, []int{3, 1}},
		"all":       {client.PullRequestListOptions{State: "all", Direction: "asc"}, []int{1, 2, 3}},
		"closed":    {client.PullRequestListOptions{State: "closed"}, []int{2}},
		"by head":   {client.PullRequestListOptions{Head: "org:c"}, []int{3}},
		"no base":   {client.PullRequestListOptions{Base: "stable"}, nil},
		"page of 1": {client.PullRequestListOptions{ListOptions: client.ListOptions{PerPage: 1, Page: 2}}, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			for _, p := range must[[]*client.PullRequest](t)(w.bot.PullRequests.List(t.Context(), "org", "repo", &row.options)) {
				got = append(got, p.GetNumber())
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("numbers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSecondPullOfABranchIsRefused(t *testing.T) {
	w := newWorld(t, t, Options{})
	w.openPull(t, "topic", map[string]string{"a": "b"})
	for head, message := range map[string]string{"topic": "Validation Failed", "nowhere": "Validation Failed"} {
		_, _, err := w.bot.PullRequests.Create(t.Context(), "org", "repo", &client.NewPullRequest{Title: client.String("x"), Head: &head, Base: client.String("main")})
		wantError(t, err, 422, message)
	}
}

func TestPullDiffAndCommits(t *testing.T) {
	w := newWorld(t, t, Options{})
	number := w.openPull(t, "topic", map[string]string{"a": "b\n"})
	diff, _, err := w.bot.PullRequests.GetRaw(t.Context(), "org", "repo", number, client.RawOptions{Type: client.Diff})
	if err != nil || !strings.HasPrefix(diff, "diff --git a/a b/a\nnew file mode 100644") {
		t.Errorf("diff %q, %v", diff, err)
	}
	commits := must[[]*client.RepositoryCommit](t)(w.bot.PullRequests.ListCommits(t.Context(), "org", "repo", number, nil))
	if len(commits) != 1 || commits[0].Commit.GetMessage() != "Change topic" {
		t.Errorf("commits %v", commits)
	}
}

func TestReviews(t *testing.T) {
	w := newWorld(t, t, Options{})
	number := w.openPull(t, "topic", map[string]string{"a": "b"})
	pulls := w.bot.PullRequests
	asked := must[*client.PullRequest](t)(pulls.RequestReviewers(t.Context(), "org", "repo", number, client.ReviewersRequest{Reviewers: []string{"bob"}}))
	if len(asked.RequestedReviewers) != 1 || asked.RequestedReviewers[0].GetLogin() != "bob" {
		t.Errorf("requested %v", asked.RequestedReviewers)
	}
	for login, message := range map[string]string{"stranger": "only be requested from collaborators", "alice": "author"} {
		_, _, err := pulls.RequestReviewers(t.Context(), "org", "repo", number, client.ReviewersRequest{Reviewers: []string{login}})
		wantError(t, err, 422, message)
	}
	if err := w.repo.ReviewAs("bob", number, "APPROVE", "Fine."); err != nil {
		t.Fatal(err)
	}
	_, _, err := newClient(t, w.URL(), "alice-token").PullRequests.CreateReview(t.Context(), "org", "repo", number, &client.PullRequestReviewRequest{Event: client.String("APPROVE")})
	wantError(t, err, 422, "Can not approve your own pull request")
	must[*client.PullRequestReview](t)(pulls.CreateReview(t.Context(), "org", "repo", number, &client.PullRequestReviewRequest{Event: client.String("COMMENT"), Body: client.String("Hm.")}))
	var got []string
	for _, v := range must[[]*client.PullRequestReview](t)(pulls.ListReviews(t.Context(), "org", "repo", number, nil)) {
		got = append(got, v.User.GetLogin()+" "+v.GetState()+" "+v.GetBody())
	}
	if diff := cmp.Diff([]string{"bob APPROVED Fine.", "bot COMMENTED Hm."}, got); diff != "" {
		t.Errorf("reviews (-want +got):\n%s", diff)
	}
	left := must[*client.Reviewers](t)(pulls.ListReviewers(t.Context(), "org", "repo", number, nil))
	if len(left.Users) != 0 {
		t.Errorf("still requested: %v", left.Users)
	}
}
