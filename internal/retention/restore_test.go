package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"slipway.dev/slipway/internal/lease"
	"slipway.dev/slipway/internal/oci"
)

// Put takes a manifest whose children are there.
func (f *fake) Put(_ context.Context, _ string, m oci.Manifest) error {
	if err := f.begin("put", m.Digest); err != nil {
		return err
	}
	if digestOf(m.Raw) != m.Digest {
		return fmt.Errorf("other bytes were put as %s", m.Digest)
	}
	var body manifest
	if err := json.Unmarshal(m.Raw, &body); err != nil {
		return err
	}
	there := f.digests()
	for _, child := range body.Manifests {
		if !slices.Contains(there, child.Digest) {
			return refused(http.StatusNotFound, "MANIFEST_UNKNOWN")
		}
	}
	f.push(body)
	return nil
}

func (f *fake) Tag(_ context.Context, _, tag string, m oci.Manifest) error {
	if err := f.begin("tag", tag); err != nil {
		return err
	}
	f.tag(tag, m.Digest)
	return nil
}

func (f *fake) Refer(_ context.Context, _ string, m oci.Manifest) error {
	return f.begin("refer", m.Digest)
}

func refused(status int, code transport.ErrorCode) error {
	return &transport.Error{StatusCode: status, Errors: []transport.Diagnostic{{Code: code}}}
}

// restorer works on the world's store and registry.
func (w *world) restorer() *Restorer {
	return &Restorer{Planner: w.apply.Planner, Writer: w.fake, Who: "tester", Term: w.apply.Term}
}

// restore wants to put things back without a hitch.
func (w *world) restore(want Wanted) Restoration {
	w.t.Helper()
	want.Repository = repository
	out, err := w.restorer().Restore(w.t.Context(), want)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// state is what a restoration says of a manifest.
func (r *Restoration) state(digest string) State {
	for _, m := range r.Manifests {
		if m.Digest == digest {
			return m.State
		}
	}
	return ""
}

// Whatever was deleted of a repository that was made at random comes back, and stays
// when retention looks at it again.
func TestRestoreProperty(t *testing.T) {
	t.Parallel()
	for range 10 {
		g := generate(t, seed(t, 0), 60)
		g.apply.Config.Retention[0].Keep.Younger = max(g.apply.Config.Retention[0].Keep.Younger, 1)
		plan := g.plan()
		if len(plan.Delete) == 0 {
			continue
		}
		manifests, tags := maps.Clone(g.manifests), maps.Clone(g.tags)
		g.carryOut(plan)
		preview, err := g.restorer().Preview(t.Context(), Wanted{Repository: repository})
		if n, _ := preview.Count(Missing); err != nil || n != len(plan.Delete) || g.requests["put"]+g.requests["tag"] > 0 {
			t.Errorf("the preview has %d of %d, after %v, %v", n, len(plan.Delete), g.requests, err)
		}
		g.restore(Wanted{})
		if diff := cmp.Diff(manifests, g.manifests); diff != "" {
			t.Errorf("manifests (-before +restored):\n%s", diff)
		}
		if diff := cmp.Diff(tags, g.tags); diff != "" {
			t.Errorf("tags (-before +restored):\n%s", diff)
		}
		puts := g.requests["put"] + g.requests["tag"]
		out := g.restore(Wanted{})
		if n, _ := out.Count(Here); n != len(plan.Delete) || g.requests["put"]+g.requests["tag"] != puts {
			t.Errorf("a second one finds %d of %d, and puts %d more", n, len(plan.Delete), g.requests["put"]+g.requests["tag"]-puts)
		}
	}
}

// What comes back is young, even if the run that deleted it died before it said so.
func TestRestoredIsYoung(t *testing.T) {
	for _, died := range []bool{false, true} {
		t.Run(fmt.Sprint(died), func(t *testing.T) {
			w := newWorld(t, commits)
			old := w.old(6)
			if died {
				w.apply.Store = &dying{Store: w.store, refuses: "/deleted-"}
			}
			_, err := w.apply.Apply(t.Context(), w.plan())
			if (err != nil) != died || len(w.manifests) != 2 {
				t.Fatalf("%d are left, %v", len(w.manifests), err)
			}
			w.apply.Store = w.store
			w.pass(day)
			w.restore(Wanted{})
			w.look()
			w.pass(day)
			w.carryOut(w.plan())
			w.wantLeft(old[:4]...) // which count as the newest
		})
	}
}

// A digest brings what it leads to, from whichever run wrote that down, and no more.
func TestRestoreDigests(t *testing.T) {
	w := newWorld(t, commits)
	shared, own := w.image("shared"), w.image("own")
	first := w.index("first", []string{shared, own}, sha(100))
	w.look()
	w.pass(15 * day)
	second := w.index("second", []string{shared}, sha(101))
	signature := w.referrer("signature", first)
	w.look()
	w.pass(day)
	for i := range 2 {
		w.image(fmt.Sprint(i), sha(i))
	}
	w.carryOut(w.plan()) // takes the first
	w.pass(15 * day)
	w.carryOut(w.plan()) // takes the second, with what they share
	runs, err := w.apply.Runs(t.Context(), repository)
	if err != nil || len(runs) != 2 || runs[0].Saved != 3 || runs[0].Deleted != 3 || !runs[0].Finished {
		t.Fatalf("runs: %+v, %v", runs, err)
	}
	out := w.restore(Wanted{Digests: []string{first}})
	for digest, want := range map[string]State{first: Back, shared: Back, own: Back, signature: Back, second: ""} {
		if got := out.state(digest); got != want {
			t.Errorf("%s is %q, want %q", w.manifests[digest], got, want)
		}
	}
	if w.tags[sha(100)] != first || w.tags[sha(101)] != "" {
		t.Errorf("tags: %v", w.tags)
	}
	if out := w.restore(Wanted{Run: runs[1].Name}); out.state(second) != Back || out.state(first) != "" {
		t.Errorf("the second run: %+v", out)
	}
	for _, wanted := range []Wanted{
		{Repository: repository, Run: "x"}, {Repository: repository, Digests: []string{"sha256:1"}},
		{Repository: repository, Digests: []string{digestOf(nil)}}, {Repository: repository, Run: runs[1].Name, Digests: []string{first}},
		{Repository: "registry.example/other"},
	} {
		if out, err := w.restorer().Preview(t.Context(), wanted); err == nil {
			t.Errorf("%+v is taken: %+v", wanted, out)
		}
	}
}

// Tags that name something else, or that are a channel's or a version, are left; so is
// one that somebody sets between the look and the write.
func TestRestoreMovesNoTag(t *testing.T) {
	w := newWorld(t, commits)
	w.apply.Config.Retention[0].Tags = ".*"
	moved := w.image("moved", sha(200), "raced", "mine")
	w.look()
	w.pass(30 * day)
	for i := range 2 {
		w.image(fmt.Sprint(i), sha(i))
	}
	w.carryOut(w.plan())
	w.apply.Config.Channels["os"][0].Name = "mine"
	other := w.image("other", sha(200))
	w.hook = func(request, reference string) error {
		if request == "put" {
			w.fake.tag("raced", other)
		}
		return nil
	}
	out := w.restore(Wanted{})
	w.hook = nil
	names := "names " + other + " by now"
	want := []ReturnedTag{
		{sha(200), Left, names},
		{"mine", Left, "is the tag of channel hello-os/mine, which `slipway channel restore` sets"},
		{"raced", Left, names},
	}
	if diff := cmp.Diff(want, out.Manifests[0].Tags); diff != "" || out.state(moved) != Back {
		t.Errorf("state %s, tags (-want +got):\n%s", out.state(moved), diff)
	}
	if w.tags[sha(200)] != other || w.tags["raced"] != other || w.tags["mine"] != "" {
		t.Errorf("tags: %v", w.tags)
	}
}

// What the registry does not take is set aside with what needs it; the rest goes on.
func TestRestoreSetsAside(t *testing.T) {
	w := newWorld(t, commits)
	lost, child := w.image("lost"), w.image("child")
	index := w.index("index", []string{lost, child}, sha(200))
	signature := w.referrer("signature", index)
	w.old(6)
	w.carryOut(w.plan())
	w.hook = func(request, reference string) error {
		if request == "put" && reference == lost {
			return refused(http.StatusBadRequest, transport.ManifestBlobUnknownErrorCode)
		}
		return nil
	}
	out, err := w.restorer().Restore(t.Context(), Wanted{Repository: repository})
	if err == nil || !strings.Contains(err.Error(), "3 manifests and 1 tags are set aside") {
		t.Errorf("got %v", err)
	}
	for digest, want := range map[string]State{lost: Aside, index: Aside, signature: Aside, child: Back} {
		if got := out.state(digest); got != want {
			t.Errorf("%s is %s, want %s", digest, got, want)
		}
	}
	if n, tags := out.Count(Back); n != 5 || tags != 4 {
		t.Errorf("%d manifests and %d tags are back", n, tags)
	}
	w.hook = nil
	w.restore(Wanted{})
	if w.tags[sha(200)] != index {
		t.Errorf("a second one sets no tag: %v", w.tags)
	}
}

// Who may not push is told so once, and what is gone for all runs is named beforehand.
func TestRestoreStops(t *testing.T) {
	w := newWorld(t, commits)
	child := w.image("child")
	index := w.index("index", []string{child}, sha(200))
	w.old(6)
	w.carryOut(w.plan())
	w.hook = func(request, _ string) error {
		if request == "put" {
			return refused(http.StatusForbidden, transport.DeniedErrorCode)
		}
		return nil
	}
	r := w.restorer()
	if _, err := r.Restore(t.Context(), Wanted{Repository: repository}); err == nil || !strings.Contains(err.Error(), "run again") {
		t.Errorf("got %v", err)
	}
	w.hook = nil
	held, err := seize(t.Context(), w.store, repository, "retention", time.Second, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Restore(t.Context(), Wanted{Repository: repository}); !errors.Is(err, lease.ErrAlive) || w.manifests[index] != nil {
		t.Errorf("while retention is at work: %v", err)
	}
	if err := held.release(); err != nil {
		t.Fatal(err)
	}
	w.rewrite("inventory-*.json", func(f *SavedFile) {
		f.Manifests = slices.DeleteFunc(f.Manifests, func(s Saved) bool { return s.Digest == child })
	})
	out, err := r.Preview(t.Context(), Wanted{Repository: repository})
	if err == nil || out.state(index) != Aside || out.state(child) != "" {
		t.Errorf("the index without its child is %s, %v", out.state(index), err)
	}
}
