package promote_test

import (
	"strings"
	"testing"

	"slipway.dev/slipway/internal/testkit/chatops"
)

// peopled is a configuration repository in which many are named.
func peopled(o *chatops.Options) {
	o.People = []string{"maintainer-uno", "root-one", "reviewer-one", "testers", "some-app[bot]", "member-one"}
	o.Files = map[string]string{
		"OWNERS":                          "approvers: [maintainer-one, root-one]\n",
		"OWNERS_ALIASES":                  "aliases:\n  testers: [maintainer-one, maintainer-two, maintainer-uno, maintainer-gone, 'some-app[bot]', " + chatops.Robot + ", ghost]\n  releasers: [maintainer-two, maintainer-three, maintainer-four]\n",
		"config/approvers/testing/OWNERS": "options: {no_parent_owners: true}\napprovers: [testers]\nreviewers: [reviewer-one]\n",
		"config/channels.yaml":            strings.Replace(chatops.Channels, "maintainer-one@example.com", "maintainer-uno", 1),
	}
}

const (
	onlyMembers   = "only members of example"
	onlyApprovers = "only approvers of `config/approvers/testing`"
	otherApproves = "somebody else approves it"
)

var byPeople = []attack{
	{name: "a stranger asks", asker: nobody, says: onlyMembers, play: says("stranger", "/promote hello-disk to testing")},
	{name: "a stranger approves", says: onlyMembers, play: approvedBy("stranger")},
	{name: "a stranger holds", says: onlyMembers, play: says("stranger", "/hold-promotion I can"), mend: wantsNoHold},
	{name: "a stranger cancels", says: onlyMembers, play: says("stranger", "/promote cancel")},
	{name: "a stranger rolls back", says: onlyMembers, play: says("stranger", "/rollback hello-disk/testing it is bad")},
	{name: "a stranger overrides a freeze", says: onlyMembers, play: says("stranger", "/override-freeze it cannot wait")},
	{name: "a stranger releases a hold", says: onlyMembers, play: heldThen("maintainer-three", "stranger"), mend: released("maintainer-three")},
	{name: "a member releases another's hold", says: onlyApprovers, play: heldThen("maintainer-three", "member-one"), mend: released("maintainer-three")},
	{name: "the requester releases another's hold", says: onlyApprovers, play: heldThen("maintainer-three", "contributor"), mend: released("maintainer-three")},
	{name: "a hold is released in another thread", play: releasedElsewhere, mend: released("maintainer-three"), says: ""},
	{name: "a member cancels another's request", says: "only contributor, who asked for it", play: says("member-one", "/promote cancel")},
	{name: "a member rolls back", asks: true, play: says("member-one", "/rollback hello-disk/testing it is bad"), mend: says("member-one", "/promote cancel"), asker: nobody},
	{name: "a member who is no approver approves", says: onlyApprovers, play: approvedBy("member-one")},
	{name: "the requester approves", says: onlyApprovers, play: approvedBy("contributor")},
	{name: "an approver approves what they asked for", asker: "maintainer-one", says: otherApproves, play: approvedBy("maintainer-one")},
	{name: "the requester approves in other case", asker: "maintainer-two", says: otherApproves, play: approvedBy("Maintainer-Two"), mend: approvedBy("maintainer-one")},
	{name: "the requester approves under another name", asker: "maintainer-uno", says: otherApproves, play: approvedBy("maintainer-one")},
	{name: "the requester approves under the first name", asker: "maintainer-one", says: otherApproves, play: approvedBy("maintainer-uno")},
	{name: "an approver asks again and approves their own", says: otherApproves, play: askedTwice, mend: cancelledElsewhere},
	{name: "an approver of another path", says: onlyApprovers, play: approvedBy("maintainer-three")},
	{name: "an approver of the root where no parent counts", says: onlyApprovers, play: approvedBy("root-one")},
	{name: "a reviewer", says: onlyApprovers, play: approvedBy("reviewer-one")},
	{name: "somebody with an alias's name", says: onlyApprovers, play: approvedBy("testers")},
	{name: "who left, by a name that another took", says: onlyApprovers, play: byWhoTookAName},
	{name: "a deleted user", play: approvedBy("ghost")},
	{name: "an app that OWNERS name", play: approvedBy("some-app[bot]")},
	{name: "the robot itself", play: approvedBy(chatops.Robot)},
	{name: "a cancelled approval", says: "no promotion is asked for here", play: approvedAfterCancel, mend: asksAgain},
	{name: "approval of what was cancelled serves what is asked again", play: approvedThenCancelled, mend: asksAgain},
	{name: "an approval before the request", asker: nobody, says: "no promotion is asked for here", asks: true, play: approvedBefore, mend: says("contributor", "/promote cancel")},
	{name: "a repository where nobody is a member", asker: nobody, play: elsewhere},
}

func TestAttacksByPeople(t *testing.T) {
	t.Parallel()
	withstand(t, byPeople, peopled)
}

func says(login, text string) func(*fray) {
	return func(f *fray) { f.says(login, "%s", text) }
}

// wantsNoHold goes on at once if nothing is held.
func wantsNoHold(f *fray) {
	if body := f.soon("waiting"); strings.Contains(body, "hold") {
		f.Errorf("it is held:\n%s", body)
	}
}

// heldThen is that somebody holds what was approved, and another lets it go.
func heldThen(holder, other string) func(*fray) {
	return func(f *fray) {
		f.says(holder, "/hold-promotion the moon is full")
		approvedBy("maintainer-one")(f)
		f.says(other, "/hold-promotion cancel")
	}
}

func released(login string) func(*fray) {
	return func(f *fray) { f.says(login, "/hold-promotion cancel") }
}

// elsewhereIn does something in another issue, and comes back.
func (f *fray) elsewhereIn(title string, do func()) {
	f.Helper()
	here := f.issue
	var err error
	f.issue, err = f.Issue(title + " " + f.disk[7:19])
	f.must(err)
	do()
	f.issue = here
}

// releasedElsewhere asks for the same, of the same hash, in another issue, where nobody
// holds it.
func releasedElsewhere(f *fray) {
	f.says("maintainer-three", "/hold-promotion the moon is full")
	approvedBy("maintainer-one")(f)
	f.elsewhereIn("Again", func() {
		f.says("contributor", "/promote hello-disk to testing")
		f.says("contributor", "/hold-promotion cancel")
		f.soon(onlyApprovers)
	})
}

// askedTwice is that an approver asks for the same elsewhere, and approves it where
// another asked.
func askedTwice(f *fray) {
	f.elsewhereIn("Mine", func() { f.says("maintainer-one", "/promote hello-disk to testing") })
	approvedBy("maintainer-one")(f)
}

func cancelledElsewhere(f *fray) {
	approvedBy("maintainer-two")(f)
}

// byWhoTookAName is a member of the guest's organisation whose login OWNERS still name;
// the one whom they mean is in the configuration repository no longer.
func byWhoTookAName(f *fray) {
	f.GitHub.AddUser("maintainer-gone", "maintainer-gone-token")
	f.GitHub.AddMembers(chatops.Org, "maintainer-gone")
	approvedBy("maintainer-gone")(f)
}

func approvedAfterCancel(f *fray) {
	f.says("contributor", "/promote cancel")
	approvedBy("maintainer-one")(f)
}

func asksAgain(f *fray) { f.says("contributor", "/promote hello-disk to testing") }

// approvedThenCancelled asks again for what was approved, held and then cancelled. What
// was approved is taken back with it.
func approvedThenCancelled(f *fray) {
	f.says("maintainer-three", "/hold-promotion the moon is full")
	approvedBy("maintainer-one")(f)
	f.says("maintainer-two", "/promote cancel")
	f.elsewhereIn("Once more", func() {
		f.says("contributor", "/promote hello-disk to testing")
		f.says("maintainer-two", "/hold-promotion cancel")
		f.soon("approvals: `0 of 1")
	})
}

// approvedBefore knows the hash before anybody asks here.
func approvedBefore(f *fray) {
	f.elsewhereIn("Look", func() {
		f.says("contributor", "/promote hello-disk to testing")
		f.plan = f.talk.plan("waiting")
		f.says("contributor", "/promote cancel")
	})
	approvedBy("maintainer-one")(f)
	f.says("contributor", "/promote hello-disk to testing")
	f.soon("approvals: `0 of 1")
}

// elsewhere is a repository of an organisation of strangers, whose webhooks come too.
func elsewhere(f *fray) {
	here, issue := f.repo, f.issue
	defer func() { f.repo, f.issue = here, issue }()
	repo, err := f.GitHub.AddRepo("elsewhere", "hello-os", githubOptions)
	f.must(err)
	_, err = repo.PushAs("stranger", "main", "Begin", map[string]string{"README": "Hello.\n"})
	f.must(err)
	_, err = repo.PushAs("stranger", "change", "Change", map[string]string{"README": "Hello!\n"})
	f.must(err)
	f.repo = repo
	f.issue, err = repo.OpenPullAs("stranger", newPull)
	f.must(err)
	f.says("contributor", "/promote hello-disk to testing")
	answers, statuses := f.robots()
	if len(answers) != 1 || len(statuses) != 0 || !strings.Contains(answers[0], "only members of elsewhere") {
		f.Errorf("the robot says %q and %q", answers, statuses)
	}
}
