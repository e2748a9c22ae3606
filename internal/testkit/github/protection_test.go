package github

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	client "github.com/google/go-github/v60/github"
)

// A protection is answered as go-github reads it, and is what the test sees.
func TestProtection(t *testing.T) {
	w := newWorld(t, t, Options{Collaborators: map[string]string{"bot": "admin", "alice": "write", "bob": "read"}})
	w.AddTeam("org", "releasers", "alice")
	repos := w.bot.Repositories
	_, _, err := repos.GetBranchProtection(t.Context(), "org", "repo", "main")
	if err == nil || !strings.Contains(err.Error(), "branch is not protected") {
		t.Errorf("error %v, want that the branch is not protected", err)
	}
	asked := &client.ProtectionRequest{
		RequiredStatusChecks: &client.RequiredStatusChecks{Strict: true, Contexts: &[]string{"unit", "lint"}},
		EnforceAdmins:        true,
		Restrictions:         &client.BranchRestrictionsRequest{Users: []string{"alice", "bob", "nobody"}, Teams: []string{"releasers", "none"}},
		RequireLinearHistory: client.Bool(true),
	}
	must[*client.Protection](t)(repos.UpdateBranchProtection(t.Context(), "org", "repo", "main", asked))
	got := must[*client.Protection](t)(repos.GetBranchProtection(t.Context(), "org", "repo", "main"))
	users, teams := got.Restrictions.Users, got.Restrictions.Teams
	if len(users) != 1 || users[0].GetLogin() != "alice" || len(teams) != 1 || teams[0].GetSlug() != "releasers" {
		t.Errorf("may push: %v, %v; want who may write alone", users, teams)
	}
	if !got.EnforceAdmins.Enabled || !got.RequireLinearHistory.Enabled || got.AllowForcePushes.Enabled || got.RequiredPullRequestReviews != nil {
		t.Errorf("got %v", got)
	}
	now, ok := w.repo.Protection("main")
	want := Protection{
		Checks: &RequiredChecks{Strict: true, Contexts: []string{"unit", "lint"}}, EnforceAdmins: true, LinearHistory: true,
		Restrictions: &PushRestrictions{Users: []string{"alice"}, Teams: []string{"releasers"}, Apps: []string{}},
	}
	if diff := cmp.Diff(want, now); !ok || diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Lists of branches tell the protected from the others, and false means the others.
func TestProtectedBranches(t *testing.T) {
	w := newWorld(t, t, Options{})
	w.push(t, "topic", map[string]string{"a": "a\n"})
	w.repo.Protect("main", Protection{})
	for _, row := range []struct {
		protected *bool
		want      string
	}{{nil, "main:true topic:false"}, {client.Bool(true), "main:true"}, {client.Bool(false), "topic:false"}} {
		list := must[[]*client.Branch](t)(w.bot.Repositories.ListBranches(t.Context(), "org", "repo", &client.BranchListOptions{Protected: row.protected}))
		var got []string
		for _, b := range list {
			got = append(got, b.GetName()+":"+map[bool]string{true: "true", false: "false"}[b.GetProtected()])
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("got %v, want %s", got, row.want)
		}
	}
	if !must[*client.Branch](t)(w.bot.Repositories.GetBranch(t.Context(), "org", "repo", "main", 0)).GetProtected() {
		t.Error("main is not protected")
	}
}

func TestUnprotect(t *testing.T) {
	w := newWorld(t, t, Options{})
	w.repo.Protect("main", Protection{EnforceAdmins: true})
	if _, err := w.bot.Repositories.RemoveBranchProtection(t.Context(), "org", "repo", "main"); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.repo.Protection("main"); ok {
		t.Error("main is protected")
	}
	_, err := w.bot.Repositories.RemoveBranchProtection(t.Context(), "org", "repo", "main")
	if err == nil {
		t.Error("a protection that is not there was removed")
	}
	_, err = w.bot.Repositories.RemoveBranchProtection(t.Context(), "org", "repo", "none")
	wantError(t, err, http.StatusNotFound, "Branch not found")
}

// Who is no administrator does not even learn whether a branch is protected; a body
// that lacks what GitHub wants is a mistake.
func TestProtectionIsStrict(t *testing.T) {
	told := &recorder{TB: t}
	w := newWorld(t, told, Options{Collaborators: map[string]string{"bot": "admin", "alice": "write"}})
	const path = "/repos/org/repo/branches/main/protection"
	whole := `{"required_status_checks":null,"enforce_admins":null,"required_pull_request_reviews":null,"restrictions":null}`
	for _, row := range []struct {
		name, method, token, body string
		status                    int
	}{
		{"writer reads", "GET", "alice-token", "", 404},
		{"writer sets", "PUT", "alice-token", whole, 404},
		{"without restrictions", "PUT", "bot-token", strings.Replace(whole, `,"restrictions":null`, "", 1), 422},
		{"unknown field", "PUT", "bot-token", strings.Replace(whole, "{", `{"x":1,`, 1), 422},
		{"wrong form", "PUT", "bot-token", strings.Replace(whole, `checks":null`, `checks":7`, 1), 422},
		{"administrator sets", "PUT", "bot-token", whole, 200},
	} {
		if status, answer := w.send(t, row.method, path, row.token, row.body); status != row.status {
			t.Errorf("%s: answer %d %s, want %d", row.name, status, answer, row.status)
		}
	}
	if len(told.lines) != 3 {
		t.Errorf("complaints %q, want one for each of the three bad bodies", told.lines)
	}
}

func TestRepositoriesOfAnOrganization(t *testing.T) {
	w := newWorld(t, t, Options{})
	for name, options := range map[string]Options{"hidden": {Private: true, Collaborators: map[string]string{"alice": "read"}}, "other": {}} {
		if _, err := w.AddRepo("org", name, options); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, r := range must[[]*client.Repository](t)(w.bot.Repositories.ListByOrg(t.Context(), "org", nil)) {
		got = append(got, r.GetName())
	}
	if diff := cmp.Diff([]string{"other", "repo"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, _, err := w.bot.Repositories.ListByOrg(t.Context(), "none", nil)
	wantError(t, err, http.StatusNotFound, "Not Found")
}
