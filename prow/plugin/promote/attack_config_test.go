package promote_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/evidence/decision"
	"slipway.dev/slipway/internal/testkit/chatops"
	"slipway.dev/slipway/internal/testkit/github"
)

const (
	ownersOfTesting = "config/approvers/testing/OWNERS"
	anyTester       = "options: {no_parent_owners: true}\napprovers: [testers]\n"
	noTester        = "options: {no_parent_owners: true}\napprovers: [maintainer-two]\n"
	aliasesOfAll    = "aliases:\n  testers: [maintainer-one, maintainer-two]\n  releasers: [maintainer-two, maintainer-three, maintainer-four]\n  managers: [maintainer-four]\n"
)

// configured is a change of the configuration's base branch.
func (f *fray) configured(files map[string]string) {
	f.Helper()
	f.must(f.Configure(files))
}

// asBefore puts the configuration back.
func asBefore(f *fray) { f.configured(nil) }

// frozen is a configuration with freezes of testing.
func frozen(freezes ...string) map[string]string {
	lines := "    gate:\n      freeze:\n"
	for _, freeze := range freezes {
		lines += "      - " + freeze + "\n"
	}
	return map[string]string{"config/channels.yaml": strings.Replace(chatops.Channels, "    order: held\n    gate:\n", "    order: held\n"+lines, 1)}
}

// freeze is one from some hours from now to others.
func freeze(from, to int, override string) string {
	at := func(hours int) string {
		return time.Now().UTC().Add(time.Duration(hours) * time.Hour).Format(time.RFC3339)
	}
	return fmt.Sprintf("{from: %q, to: %q, reason: the release, override: %s}", at(from), at(to), override)
}

// inFreeze is that what is asked for is approved in a freeze, and then somebody says so.
func inFreeze(files map[string]string, play func(*fray)) func(*fray) {
	return func(f *fray) {
		f.configured(files)
		f.says("contributor", "/promote status")
		f.plan = f.talk.plan("freeze: `the release")
		approvedBy("maintainer-one")(f)
		if play != nil {
			play(f)
		}
	}
}

var byConfiguration = []attack{
	{name: "OWNERS changed in the same pull request", asker: nobody, play: inPull(map[string]string{ownersOfTesting: "approvers: [contributor, maintainer-three]\n"})},
	{name: "aliases and channels changed in the same pull request", asker: nobody, play: inPull(map[string]string{
		"OWNERS_ALIASES":       strings.Replace(aliasesOfAll, "testers: [", "testers: [maintainer-three, ", 1),
		"config/channels.yaml": strings.Replace(chatops.Channels, "approvals: {count: 1, signers: [chatops], path: config/approvers/testing}", "", 1),
	})},
	{name: "an alias that names itself", says: onlyApprovers, play: unreadable(map[string]string{"OWNERS_ALIASES": strings.Replace(aliasesOfAll, "testers: [", "testers: [testers, ", 1)}), mend: asBefore},
	{name: "aliases that name each other", says: onlyApprovers, play: unreadable(map[string]string{"OWNERS_ALIASES": strings.NewReplacer("testers: [", "testers: [releasers, ", "releasers: [", "releasers: [testers, ").Replace(aliasesOfAll)}), mend: asBefore},
	{name: "OWNERS that are broken", says: onlyApprovers, play: unreadable(map[string]string{ownersOfTesting: "approvers: [testers\n"}), mend: asBefore},
	{name: "OWNERS of the root that are broken", says: onlyApprovers, play: unreadable(map[string]string{"OWNERS": "approvers: {}}\n"}), mend: asBefore},
	{name: "channels that are broken", says: onlyApprovers, play: unreadable(map[string]string{"config/channels.yaml": "channels: [\n"}), mend: asBefore},
	{name: "a gate that asks for nothing", says: onlyApprovers, play: unreadable(map[string]string{"config/channels.yaml": strings.Replace(chatops.Channels, "gate: {tests: [{name: unit, signers: [ci]}]}", "gate: {}", 1)}), mend: asBefore},
	{name: "an approver who is removed before it starts", play: removedApprover, mend: asBefore},
	{name: "who overrode is removed before it starts", play: removedOverrider, mend: asBefore},

	{name: "in a freeze", play: inFreeze(frozen(freeze(-1, 1, "managers")), nil), mend: asBefore},
	{name: "a freeze that nobody may override", says: "nobody may override", play: inFreeze(map[string]string{"config/channels.yaml": strings.ReplaceAll(frozen(freeze(-1, 1, "managers"))["config/channels.yaml"], ", override: managers", "")}, says("maintainer-four", "/override-freeze it cannot wait")), mend: asBefore},
	{name: "an override by another", says: "only members of managers", play: inFreeze(frozen(freeze(-1, 1, "managers")), says("maintainer-three", "/override-freeze it cannot wait")), mend: asBefore},
	{name: "an override without a reason", says: "give a reason", play: inFreeze(frozen(freeze(-1, 1, "managers")), says("maintainer-four", "/override-freeze")), mend: asBefore},
	{name: "an override by the group of another freeze", play: inFreeze(frozen(freeze(-1, 1, "managers"), freeze(100, 200, "releasers")), says("maintainer-three", "/override-freeze it cannot wait")), mend: asBefore},
	{name: "an override of yesterday's freeze", play: inFreeze(frozen(freeze(-30, -20, "managers"), freeze(-1, 1, "managers")), func(f *fray) {
		_, err := f.Sign(f.Context(), "chatops", decision.Decision{
			Kind: decision.Override, Plan: f.plan, By: "maintainer-four", Comment: "https://github.example.com/1", At: time.Now().UTC().Add(-25 * time.Hour), Reason: "then", Group: "managers",
		})
		f.must(err)
	}), mend: asBefore},
	{name: "an artifact that is gone", says: "there is no artifact", play: func(f *fray) {
		f.says("contributor", "/hold-promotion one moment")
		f.configured(map[string]string{"config/channels.yaml": strings.ReplaceAll(chatops.Channels, "name: hello-disk, ", "name: other-disk, ")})
		f.says("contributor", "/promote hello-disk to testing")
	}, mend: func(f *fray) {
		asBefore(f)
		asksAgain(f)
		f.says("maintainer-two", "/hold-promotion cancel")
	}},
}

func TestAttacksByConfiguration(t *testing.T) {
	t.Parallel()
	withstand(t, byConfiguration)
}

// inPull asks and approves in a pull request that would make it right.
func inPull(files map[string]string) func(*fray) {
	return func(f *fray) {
		here, issue := f.repo, f.issue
		defer func() { f.repo, f.issue = here, issue }()
		branch := "mine-" + f.disk[7:19]
		_, err := f.Config.PushAs("contributor", branch, "Let me", maps.Clone(files))
		f.must(err)
		f.repo = f.Config
		f.issue, err = f.Config.OpenPullAs("contributor", github.NewPull{Title: "Let me", Head: branch})
		f.must(err)
		f.says("contributor", "/promote hello-disk to testing")
		var statuses []string
		for i := 0; i < 3000 && len(statuses) == 0; i++ {
			time.Sleep(20 * time.Millisecond)
			_, statuses = f.robots()
		}
		if len(statuses) != 1 {
			f.Fatalf("the robot says %q", statuses)
		}
		f.plan = planLine.FindStringSubmatch(statuses[0])[1]
		approvedBy("maintainer-three")(f)
		if answers, _ := f.robots(); len(answers) != 1 || !strings.Contains(answers[0], onlyApprovers) {
			f.Errorf("the robot answers %q", answers)
		}
		f.says("contributor", "/promote cancel")
	}
}

// unreadable approves by a configuration that cannot be read. The plugin waits.
func unreadable(files map[string]string) func(*fray) {
	return func(f *fray) {
		f.configured(files)
		f.write("maintainer-one", "/approve-promotion %s", f.plan)
		time.Sleep(10 * f.Poll)
		if answers, _ := f.robots(); len(answers) > 0 {
			f.Errorf("the robot answers %q", answers)
		}
		if jobs, err := f.ProwJobs(f.Context()); err != nil || len(jobs) != f.jobs {
			f.Errorf("%d ProwJobs, %v", len(jobs), err)
		}
		f.configured(map[string]string{ownersOfTesting: noTester})
		f.must(f.Settle(f.Context()))
		f.configured(nil)
	}
}

// removedApprover is no approver any more when what they approved could start.
func removedApprover(f *fray) {
	f.says("contributor", "/hold-promotion one moment")
	approvedBy("maintainer-one")(f)
	f.configured(map[string]string{ownersOfTesting: noTester})
	f.says("contributor", "/hold-promotion cancel")
	f.soon("of those who approved, only 0 may do so still")
}

// removedOverrider is of the group no more when what they let pass could start.
func removedOverrider(f *fray) {
	files := frozen(freeze(-1, 1, "managers"))
	f.configured(files)
	f.says("contributor", "/hold-promotion one moment")
	f.says("contributor", "/promote status")
	f.plan = f.talk.plan("freeze: `the release")
	f.says("maintainer-four", "/override-freeze it cannot wait")
	approvedBy("maintainer-one")(f)
	f.soon("overridden by maintainer-four")
	files["OWNERS_ALIASES"] = strings.Replace(aliasesOfAll, "managers: [maintainer-four]", "managers: [maintainer-two]", 1)
	f.configured(files)
	f.says("contributor", "/hold-promotion cancel")
	f.soon("may do so no longer")
}
