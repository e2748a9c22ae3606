package github

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	client "github.com/google/go-github/v60/github"
)

func TestMembersAndTeams(t *testing.T) {
	w := newWorld(t, t, Options{})
	w.AddOwners("org", "alice")
	w.AddTeam("org", "releasers", "bob", "carol")
	orgs, teams := w.bot.Organizations, w.bot.Teams
	for login, want := range map[string]bool{"alice": true, "Bob": true, "stranger": false} {
		if got, _, err := orgs.IsMember(t.Context(), "org", login); err != nil || got != want {
			t.Errorf("%s is a member: %v, %v; want %v", login, got, err, want)
		}
	}
	logins := func(users []*client.User) []string {
		var list []string
		for _, u := range users {
			list = append(list, u.GetLogin())
		}
		return list
	}
	for role, want := range map[string][]string{"": {"alice", "bob", "carol"}, "admin": {"alice"}, "member": {"bob", "carol"}} {
		got := logins(must[[]*client.User](t)(orgs.ListMembers(t.Context(), "org", &client.ListMembersOptions{Role: role})))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("role %q (-want +got):\n%s", role, diff)
		}
	}
	team := must[*client.Team](t)(teams.GetTeamBySlug(t.Context(), "org", "releasers"))
	if all := must[[]*client.Team](t)(teams.ListTeams(t.Context(), "org", nil)); len(all) != 1 || all[0].GetID() != team.GetID() {
		t.Errorf("teams %v", all)
	}
	got := logins(must[[]*client.User](t)(teams.ListTeamMembersBySlug(t.Context(), "org", "releasers", nil)))
	if diff := cmp.Diff([]string{"bob", "carol"}, got); diff != "" {
		t.Errorf("team (-want +got):\n%s", diff)
	}
	if got := must[*client.Membership](t)(teams.GetTeamMembershipBySlug(t.Context(), "org", "releasers", "BOB")); got.GetState() != "active" {
		t.Errorf("membership %v", got)
	}
	_, _, err := teams.GetTeamMembershipBySlug(t.Context(), "org", "releasers", "alice")
	wantError(t, err, 404, "Not Found")
}

func TestCollaborators(t *testing.T) {
	w := newWorld(t, t, Options{Collaborators: map[string]string{"bot": "admin", "Bob": "maintain", "carol": "triage"}})
	w.AddMembers("org", "dave")
	repos := w.bot.Repositories
	for login, want := range map[string]struct {
		collaborator     bool
		permission, role string
	}{
		"bot": {true, "admin", "admin"}, "bob": {true, "write", "maintain"}, "carol": {true, "read", "triage"},
		"dave": {true, "read", "read"}, "alice": {false, "read", "read"},
	} {
		is, _, err := repos.IsCollaborator(t.Context(), "org", "repo", login)
		if err != nil || is != want.collaborator {
			t.Errorf("%s is a collaborator: %v, %v; want %v", login, is, err, want.collaborator)
		}
		level := must[*client.RepositoryPermissionLevel](t)(repos.GetPermissionLevel(t.Context(), "org", "repo", login))
		if level.GetPermission() != want.permission || level.User.GetRoleName() != want.role {
			t.Errorf("%s may %s (%s), want %v", login, level.GetPermission(), level.User.GetRoleName(), want)
		}
	}
	if all := must[[]*client.User](t)(repos.ListCollaborators(t.Context(), "org", "repo", nil)); len(all) != 3 {
		t.Errorf("collaborators %v, want 3", all)
	}
}
