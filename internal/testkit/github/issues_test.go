package github

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	client "github.com/google/go-github/v60/github"
)

func TestComments(t *testing.T) {
	w := newWorld(t, t, Options{Collaborators: map[string]string{"bot": "write"}})
	number := w.openPull(t, "topic", map[string]string{"a": "b"})
	issues := w.bot.Issues
	if _, err := w.repo.CommentAs("alice", number, "/test all"); err != nil {
		t.Fatal(err)
	}
	made := must[*client.IssueComment](t)(issues.CreateComment(t.Context(), "org", "repo", number, &client.IssueComment{Body: client.String("Running.")}))
	edited := must[*client.IssueComment](t)(issues.EditComment(t.Context(), "org", "repo", made.GetID(), &client.IssueComment{Body: client.String("Done.")}))
	if edited.GetBody() != "Done." || edited.GetID() != made.GetID() {
		t.Errorf("edited %v", edited)
	}
	var got []string
	for _, m := range must[[]*client.IssueComment](t)(issues.ListComments(t.Context(), "org", "repo", number, nil)) {
		got = append(got, m.User.GetLogin()+" "+m.GetAuthorAssociation()+": "+m.GetBody())
	}
	if diff := cmp.Diff([]string{"alice NONE: /test all", "bot COLLABORATOR: Done."}, got); diff != "" {
		t.Errorf("comments (-want +got):\n%s", diff)
	}
	alice := newClient(t, w.URL(), "alice-token").Issues
	_, _, err := alice.EditComment(t.Context(), "org", "repo", made.GetID(), &client.IssueComment{Body: client.String("No.")})
	wantError(t, err, 403, "Must have admin rights")
	if _, err := issues.DeleteComment(t.Context(), "org", "repo", made.GetID()); err != nil {
		t.Error(err)
	}
	_, _, err = issues.GetComment(t.Context(), "org", "repo", made.GetID())
	wantError(t, err, 404, "Not Found")
}

// Prow's client sends the whole of its own comment type; GitHub ignores what it does not need.
func TestCommentAsProwSendsIt(t *testing.T) {
	w := newWorld(t, t, Options{})
	number := w.openPull(t, "topic", map[string]string{"a": "b"})
	body := `{"body":"hi","user":{"login":"","name":"","email":"","id":0,"html_url":"","permissions":{"pull":false},"type":""},` +
		`"created_at":"0001-01-01T00:00:00Z","updated_at":"0001-01-01T00:00:00Z"}`
	if status, answer := w.send(t, "POST", "/repos/org/repo/issues/"+itoa(number)+"/comments", "bot-token", body); status != 201 {
		t.Errorf("answer %d %s", status, answer)
	}
}

func TestLabels(t *testing.T) {
	w := newWorld(t, t, Options{})
	number := w.openPull(t, "topic", map[string]string{"a": "b"})
	issues := w.bot.Issues
	must[*client.Label](t)(issues.CreateLabel(t.Context(), "org", "repo", &client.Label{Name: client.String("lgtm"), Color: client.String("15dd18")}))
	_, _, err := issues.CreateLabel(t.Context(), "org", "repo", &client.Label{Name: client.String("LGTM")})
	wantError(t, err, 422, "Validation Failed")

	must[[]*client.Label](t)(issues.AddLabelsToIssue(t.Context(), "org", "repo", number, []string{"LGTM", "do-not-merge/hold"}))
	names := func() []string {
		var names []string
		for _, l := range must[[]*client.Label](t)(issues.ListLabelsByIssue(t.Context(), "org", "repo", number, nil)) {
			names = append(names, l.GetName())
		}
		return names
	}
	if diff := cmp.Diff([]string{"lgtm", "do-not-merge/hold"}, names()); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if _, err := issues.RemoveLabelForIssue(t.Context(), "org", "repo", number, "do-not-merge/hold"); err != nil {
		t.Error(err)
	}
	_, err = issues.RemoveLabelForIssue(t.Context(), "org", "repo", number, "do-not-merge/hold")
	wantError(t, err, 404, "Label does not exist") // Prow reads this very text
	must[*client.Label](t)(issues.EditLabel(t.Context(), "org", "repo", "lgtm", &client.Label{Name: client.String("approved")}))
	if diff := cmp.Diff([]string{"approved"}, names()); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	must[[]*client.Label](t)(issues.ReplaceLabelsForIssue(t.Context(), "org", "repo", number, []string{"x"}))
	if got, err := w.repo.Labels(number); err != nil || strings.Join(got, " ") != "x" {
		t.Errorf("labels %v, %v", got, err)
	}
	if _, err := issues.DeleteLabel(t.Context(), "org", "repo", "x"); err != nil || len(names()) != 0 {
		t.Errorf("labels %v, %v, want none", names(), err)
	}
}

func TestIssues(t *testing.T) {
	w := newWorld(t, t, Options{})
	made := must[*client.Issue](t)(w.bot.Issues.Create(t.Context(), "org", "repo", &client.IssueRequest{Title: client.String("Broken")}))
	number := made.GetNumber()
	must[*client.Issue](t)(w.bot.Issues.AddAssignees(t.Context(), "org", "repo", number, []string{"bob", "stranger"}))
	closed := must[*client.Issue](t)(w.bot.Issues.Edit(t.Context(), "org", "repo", number, &client.IssueRequest{State: client.String("closed"), StateReason: client.String("completed")}))
	if closed.GetState() != "closed" || closed.IsPullRequest() || len(closed.Assignees) != 1 || closed.Assignees[0].GetLogin() != "bob" {
		t.Errorf("closed %v", closed)
	}
	pull := w.openPull(t, "topic", map[string]string{"a": "b"})
	if got := must[*client.Issue](t)(w.bot.Issues.Get(t.Context(), "org", "repo", pull)); !got.IsPullRequest() {
		t.Errorf("%v is no pull request", got)
	}
	_, _, err := w.bot.PullRequests.Get(t.Context(), "org", "repo", number)
	wantError(t, err, 404, "Not Found")
}

func TestStatuses(t *testing.T) {
	w := newWorld(t, t, Options{})
	repos := w.bot.Repositories
	set := func(context, state string) {
		t.Helper()
		must[*client.RepoStatus](t)(repos.CreateStatus(t.Context(), "org", "repo", w.first, &client.RepoStatus{Context: &context, State: &state, TargetURL: client.String("https://x/")}))
	}
	combined := func(ref, want string, total int) {
		t.Helper()
		got := must[*client.CombinedStatus](t)(repos.GetCombinedStatus(t.Context(), "org", "repo", ref, nil))
		if got.GetState() != want || got.GetSHA() != w.first || got.GetTotalCount() != total {
			t.Errorf("combined %s of %d contexts, want %s of %d", got.GetState(), got.GetTotalCount(), want, total)
		}
	}
	combined("main", "pending", 0)
	set("unit", "pending")
	combined("main", "pending", 1)
	set("unit", "success")
	combined(w.first, "success", 1)
	set("lint", "failure")
	combined("heads/main", "failure", 2)
	if got := must[[]*client.RepoStatus](t)(repos.ListStatuses(t.Context(), "org", "repo", "main", nil)); len(got) != 3 || got[0].GetContext() != "lint" {
		t.Errorf("statuses %v", got)
	}
	if status, body := w.send(t, "GET", "/repos/org/repo/statuses/main", "", ""); status != 200 || strings.Count(body, `"context"`) != 3 {
		t.Errorf("the older path answers %d %s", status, body)
	}
	_, _, err := repos.CreateStatus(t.Context(), "org", "repo", strings.Repeat("1", 40), &client.RepoStatus{State: client.String("success")})
	wantError(t, err, 422, "No commit found for SHA")
	_, _, err = repos.CreateStatus(t.Context(), "org", "repo", w.first, &client.RepoStatus{State: client.String("great")})
	wantError(t, err, 422, "Validation Failed")
	want := []Status{{State: "failure", Context: "lint", TargetURL: "https://x/"}, {State: "success", Context: "unit", TargetURL: "https://x/"}}
	if diff := cmp.Diff(want, w.repo.Statuses(w.first)); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}
