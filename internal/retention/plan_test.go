package retention

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/version"
)

// old fills a repository with commits 0 to n-1, a day between each, all of them older
// than what the rule calls young.
func (w *world) old(n int) (digests []string) {
	for i := range n {
		digests = append(digests, w.image(fmt.Sprint("image ", i), sha(i)))
		w.look()
		w.pass(day)
	}
	w.pass(30 * day)
	return digests
}

func TestWhatStays(t *testing.T) {
	everything := channel.Rule{Artifacts: []string{"*"}, Tags: ".*", Keep: channel.Keep{Last: 1}, MaxShare: 1}
	tests := []struct {
		name  string
		rules []channel.Rule
		// goes returns what is to go; of six old commits the last two stay.
		goes func(w *world, old []string) []string
	}{
		{"the rest", nil, func(_ *world, old []string) []string { return old[:4] }},
		{"in a channel", nil, func(w *world, old []string) []string {
			w.move("testing", old[0])
			return old[1:4]
		}},
		{"named by a channel's tag alone", nil, func(w *world, old []string) []string {
			w.tag("stable", old[0])
			return old[1:4]
		}},
		{"rollback target", nil, func(w *world, old []string) []string {
			w.move("stable", old[0])
			w.move("stable", old[1])
			return old[2:4]
		}},
		{"held long before", nil, func(w *world, old []string) []string {
			w.apply.Stays = 1
			w.move("stable", old[3])
			w.move("stable", old[0])
			w.move("stable", old[1])
			return old[2:4]
		}},
		{"open intent", nil, func(w *world, old []string) []string {
			w.record("stable", ledger.Record{Kind: ledger.Intent, Digest: old[0]})
			return old[1:4]
		}},
		{"plan in flight", nil, func(w *world, old []string) []string {
			w.apply.InFlight = func(context.Context) ([]string, error) { return old[:1], nil }
			return old[1:4]
		}},
		{"version", nil, func(w *world, old []string) []string {
			w.tag("v1.2.3", old[0])
			w.tag("v1.2.3-rc1", old[1])
			return old[2:4]
		}},
		{"the ledger's version", []channel.Rule{everything}, func(w *world, old []string) []string {
			w.record("next", ledger.Record{Kind: ledger.Intent, Digest: old[0], Version: "2026.1"})
			w.record("next", ledger.Record{Kind: ledger.Aside, Digest: old[0]})
			w.tag("2026.1", old[0])
			return old[1:4]
		}},
		{"another tag", nil, func(w *world, old []string) []string {
			w.tag("nightly", old[0])
			return old[1:4]
		}},
		{"children", nil, func(w *world, old []string) []string {
			w.index("", []string{w.image("child"), old[0]}, "nightly")
			return old[1:4]
		}},
		{"children of what goes", nil, func(w *world, old []string) []string {
			child, shared := w.image("child"), w.image("shared")
			index := w.index("", []string{child, shared}, sha(100))
			w.look()
			w.pass(70 * day)
			w.index("young", []string{shared}, sha(101))
			w.index("younger", []string{shared}, sha(102))
			return append(old, child, index)
		}},
		{"referrers", nil, func(w *world, old []string) []string {
			w.tag("nightly", old[0])
			w.referrer("of it", w.referrer("signature", old[0]))
			signature := w.referrer("signature", old[1])
			return append(old[1:4:4], signature, w.referrer("of it", signature))
		}},
		{"referrers under fallback tags", nil, func(w *world, old []string) []string {
			w.api = false
			attach := func(subject string) []string {
				signature := w.referrer("signature", subject)
				list := w.index("fallback", []string{signature}, strings.Replace(subject, ":", "-", 1))
				return []string{signature, list, w.image("cosign's of "+subject, strings.Replace(subject, ":", "-", 1)+".sig")}
			}
			w.tag("nightly", old[0])
			attach(old[0])
			return append(attach(old[1]), old[1:4]...)
		}},
		{"attached to what is gone", nil, func(w *world, old []string) []string {
			w.image("orphan", "sha256-"+strings.Repeat("7", 64))
			return old[:4]
		}},
		{"attached to two", nil, func(w *world, old []string) []string {
			w.tag("nightly", old[0])
			w.index("empty", nil, strings.Replace(old[0], ":", "-", 1), strings.Replace(old[1], ":", "-", 1))
			return old[1:4]
		}},
		{"subject of a tagged referrer", nil, func(w *world, old []string) []string {
			w.referrer("sbom", old[0], "sbom")
			w.referrer("other", old[0])
			return old[1:4]
		}},
		{"subject that only a referrer names", nil, func(w *world, old []string) []string {
			w.referrer("sbom", w.index("subject", old[:2]), "sbom")
			return old[2:4]
		}},
		{"child of a referrer that only the registry knows", nil, func(w *world, old []string) []string {
			w.tag("nightly", old[0])
			w.push(manifest{Manifests: []descriptor{{Digest: old[1]}}, Subject: &descriptor{Digest: old[0]}})
			return old[2:4]
		}},
		{"child of what only a channel names", nil, func(w *world, old []string) []string {
			untagged := w.index("untagged", old[:1])
			w.move("stable", untagged)
			w.move("stable", w.image("another"))
			return old[1:4]
		}},
		{"a tag that leads nowhere counts for nothing", nil, func(w *world, old []string) []string {
			delete(w.manifests, w.image("gone", sha(100)))
			return old[:4]
		}},
		{"kept by one of two rules", []channel.Rule{{Artifacts: []string{"hello-os"}, Tags: "0+", Keep: channel.Keep{Last: 1}}},
			func(_ *world, old []string) []string { return old[1:4] }},
		{"a rule matches whole tags", nil, func(w *world, old []string) []string {
			w.image("longer", sha(1)+"-debug")
			return old[:4]
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, append(tt.rules, commits)...)
			old, now := w.old(6), w.now
			w.now = dawn // what the ledger says of them is not that they are new
			goes := tt.goes(w, old)
			w.now = now
			stay := slices.DeleteFunc(w.digests(), func(digest string) bool { return slices.Contains(goes, digest) })
			w.carryOut(w.plan())
			w.wantLeft(stay...)
		})
	}
}

// The age of an image is the ledger's, else its release's, else how long retention has
// known it, whatever a registry may say.
func TestAges(t *testing.T) {
	w := newWorld(t, channel.Rule{Artifacts: []string{"hello-os"}, Tags: "[0-9a-f]{40}", Keep: channel.Keep{Younger: channel.Duration(10 * day)}, MaxShare: 1})
	var digests []string
	for i := range 6 {
		digests = append(digests, w.image(fmt.Sprint(i), sha(i)))
	}
	records := release.Records{Store: w.store, Repository: release.Repository{Org: "o", Name: "n"}}
	if _, err := records.CreateCommit(t.Context(), release.Commit{Commit: sha(1), Version: version.Version{Day: "20260101"}, Claimed: dawn}, 0); err != nil {
		t.Fatal(err)
	}
	w.move("next", digests[0])
	for _, digest := range digests[3:] { // nobody keeps the first ones for ever
		w.move("next", digest)
	}
	w.apply.Stays = 2
	w.pass(11 * day)
	plan := w.plan()
	got := map[string]int64{}
	for _, d := range plan.Delete {
		got[d.Tags[0]] = d.Age / 86400
	}
	if diff := cmp.Diff(map[string]int64{sha(0): 11, sha(1): 11}, got); diff != "" {
		t.Errorf("days (-want +got):\n%s", diff)
	}
	w.pass(9 * day)
	if plan := w.plan(); len(plan.Delete) != 2 {
		t.Errorf("after 9 days %d go, want 2: the other was seen 9 days ago", len(plan.Delete))
	}
	w.pass(day)
	if plan := w.plan(); len(plan.Delete) != 3 {
		t.Errorf("after 10 days %d go, want 3", len(plan.Delete))
	}
}

// What came at the same moment, such as all that the first look finds, is not told
// apart: the last N of it are all of it.
func TestEqualAgesStayTogether(t *testing.T) {
	w := newWorld(t, channel.Rule{Artifacts: []string{"hello-os"}, Tags: ".*", Keep: channel.Keep{Last: 2}, MaxShare: 1})
	for i := range 5 {
		w.image(fmt.Sprint(i), sha(i))
	}
	w.look()
	w.pass(100 * day)
	w.image("later", sha(9))
	if plan := w.plan(); len(plan.Delete) != 0 {
		t.Errorf("%d go: nobody knows which of them are older", len(plan.Delete))
	}
	w.pass(day)
	w.image("last", sha(10))
	if plan := w.plan(); len(plan.Delete) != 5 {
		t.Errorf("%d go, want the 5 that came first", len(plan.Delete))
	}
}

// What is put back after it was deleted begins a new life.
func TestComesBackYoung(t *testing.T) {
	w := newWorld(t, commits)
	w.apply.Stays = 1
	old := w.old(4)
	now := w.now
	for _, i := range []int{0, 2, 3} {
		w.now = dawn.AddDate(0, 0, i)
		w.move("next", old[i])
	}
	w.now = now
	w.carryOut(w.plan())
	w.wantLeft(old[2:]...)
	w.pass(day)
	w.image("image 0", sha(0))
	w.image("image 1", sha(1))
	w.carryOut(w.plan())
	w.wantLeft(old...)
	w.pass(20 * day)
	w.image("new", sha(8))
	w.look()
	w.pass(20 * day)
	w.image("newer", sha(9))
	w.carryOut(w.plan())
	if w.manifests[old[0]] != nil || w.manifests[old[1]] != nil {
		t.Error("what came back never grows old")
	}
}

func TestRuleThatMatchesNothingStops(t *testing.T) {
	for _, rule := range []channel.Rule{
		{Artifacts: []string{"hello-os"}, Tags: "rc-.*", Keep: channel.Keep{Last: 1}},
		{Artifacts: []string{"hallo-os"}, Tags: ".*", Keep: channel.Keep{Last: 1}},
	} {
		w := newWorld(t, commits, rule)
		w.old(4)
		_, err := w.apply.Plan(t.Context())
		if err == nil || !strings.Contains(err.Error(), "rule 2 (tags "+rule.Tags+")") {
			t.Errorf("got %v, want an error that names rule 2", err)
		}
	}
}

func TestShareStops(t *testing.T) {
	rule := commits
	rule.MaxShare = 0
	w := newWorld(t, rule)
	w.old(5)
	plan := w.plan()
	var tooMuch *TooMuchError
	if err := w.apply.Check(plan); !errors.As(err, &tooMuch) || tooMuch.Limit != DefaultShare {
		t.Errorf("3 of 5 go, half may: got %v", err)
	}
	if _, err := w.apply.Apply(t.Context(), plan); !errors.As(err, &tooMuch) {
		t.Errorf("apply: got %v, want a TooMuchError", err)
	}
	if n := w.requests["delete"]; n > 0 {
		t.Errorf("%d were deleted all the same", n)
	}
	w.apply.MaxShare = 0.6
	if out := w.carryOut(plan); out.Deleted != 3 {
		t.Errorf("with a limit of 60 %% %d were deleted, want 3", out.Deleted)
	}
}

// A second look asks for no manifest that the first one read.
func TestLookIsThrifty(t *testing.T) {
	w := newWorld(t, commits)
	for i := range 20 {
		w.index("", []string{w.image(fmt.Sprint("a", i)), w.image(fmt.Sprint("b", i))}, sha(i))
	}
	w.look()
	want := map[string]int{"tags": 1, "resolve": 20, "manifest": 60, "referrers": 60}
	if diff := cmp.Diff(want, w.requests); diff != "" {
		t.Errorf("first (-want +got):\n%s", diff)
	}
	clear(w.requests)
	w.look()
	want = map[string]int{"tags": 1, "resolve": 20, "referrers": 60}
	if diff := cmp.Diff(want, w.requests); diff != "" {
		t.Errorf("second (-want +got):\n%s", diff)
	}
}

// A byte changed in a manifest stops the plan of its repository.
func TestWrongBytesStop(t *testing.T) {
	w := newWorld(t, commits)
	old := w.image("image", sha(1))
	w.manifests[old] = append(w.manifests[old], ' ')
	if _, err := w.apply.Plan(t.Context()); err == nil || !strings.Contains(err.Error(), "the registry sent bytes of") {
		t.Errorf("got %v", err)
	}
}

func TestBrokenLedgerStops(t *testing.T) {
	w := newWorld(t, commits)
	w.old(3)
	if err := store.CreateJSON(t.Context(), w.store, "ledger/hello-os/next/00000000.json", "no record"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.apply.Plan(t.Context()); !errors.Is(err, ledger.ErrBroken) {
		t.Errorf("got %v, want ErrBroken", err)
	}
}
