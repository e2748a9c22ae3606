package retention

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/store/folder"
)

const (
	repository = "registry.example:5000/hello/os"
	day        = 24 * time.Hour
)

// dawn is when the tests' time begins.
var dawn = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// world is a repository with its channels, rules and store.
type world struct {
	*fake
	t     *testing.T
	store *folder.Store
	apply *Applier
	now   time.Time
}

// sha is the n-th commit.
func sha(n int) string { return fmt.Sprintf("%040x", n) }

var commits = channel.Rule{
	Artifacts: []string{"hello-*"}, Tags: "[0-9a-f]{40}",
	Keep: channel.Keep{Last: 2, Younger: channel.Duration(10 * day)}, MaxShare: 1,
}

func newWorld(t *testing.T, rules ...channel.Rule) *world {
	t.Helper()
	s, err := folder.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{fake: newFake(), t: t, store: s, now: dawn}
	w.apply = &Applier{
		Planner: &Planner{
			Config: &channel.Config{
				Channels:  map[string][]channel.Channel{"os": {{Name: "next"}, {Name: "testing", From: "next"}, {Name: "stable", From: "testing"}}},
				Artifacts: []channel.Artifact{{Name: "hello-os", Kind: channel.Image, Location: repository, Channels: "os"}},
				Retention: rules,
			},
			Store: s, Registry: w.fake, Now: func() time.Time { return w.now },
		},
		Deleter: w.fake, Who: "tester", Term: 2 * time.Second,
	}
	return w
}

// pass lets time pass.
func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

// look makes an inventory for its effect: it writes down what it is the first to see.
func (w *world) look() {
	w.t.Helper()
	if _, err := w.apply.Look(w.t.Context(), repository); err != nil {
		w.t.Fatal(err)
	}
}

// record appends to a channel's ledger.
func (w *world) record(name string, r ledger.Record) {
	w.t.Helper()
	line, err := ledger.Read(w.t.Context(), w.store, "hello-os/"+name)
	if err == nil {
		r.Time, r.Who = w.now, "tester"
		_, err = line.Append(w.t.Context(), w.store, r)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// move lets a channel hold a digest, and sets its tag.
func (w *world) move(name, digest string) {
	w.t.Helper()
	w.record(name, ledger.Record{Kind: ledger.Intent, Digest: digest})
	w.record(name, ledger.Record{Kind: ledger.Done, Digest: digest})
	w.tag(name, digest)
}

func (w *world) plan() Plan {
	w.t.Helper()
	plans, err := w.apply.Plan(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return plans[0]
}

// carryOut applies a plan and wants it to succeed.
func (w *world) carryOut(p Plan) Outcome {
	w.t.Helper()
	out, err := w.apply.Apply(w.t.Context(), p)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// wantLeft checks which manifests are there.
func (w *world) wantLeft(want ...string) {
	w.t.Helper()
	got := w.digests()
	for _, digest := range want {
		if !slices.Contains(got, digest) {
			w.t.Errorf("%s is gone", digest)
		}
	}
	for _, digest := range got {
		if !slices.Contains(want, digest) {
			w.t.Errorf("%s is still there: %s", digest, w.manifests[digest])
		}
	}
}
