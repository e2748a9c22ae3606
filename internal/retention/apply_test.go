package retention

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"slipway.dev/slipway/internal/lease"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/store"
)

// kept is what an outcome says of a digest, or empty.
func (o Outcome) kept(digest string) string {
	for _, k := range o.Kept {
		if k.Digest == digest {
			return k.Why
		}
	}
	return ""
}

// changes are what others may do between a plan and a deletion. Each makes old[0]
// wanted; the plan was made of old[:4] with a child of old[0].
var changes = []struct {
	name, why string
	do        func(w *world, digest string)
}{
	{"a channel moves", "in channel hello-os/stable", func(w *world, digest string) { w.move("stable", digest) }},
	{"a promotion begins", "about to be in channel hello-os/testing", func(w *world, digest string) {
		w.record("testing", ledger.Record{Kind: ledger.Intent, Digest: digest})
	}},
	{"a channel's tag is moved by hand", "", func(w *world, digest string) { w.tag("stable", digest) }},
	{"a tag is added", "", func(w *world, digest string) { w.tag("v1.0.0", digest) }},
	{"a referrer is added", "", func(w *world, digest string) { w.referrer("signature", digest) }},
	{"its tag moves away", "moved", func(w *world, digest string) {
		for tag := range w.tagsOf[digest] {
			w.image("another", tag)
		}
	}},
}

func TestChangesAfterThePlanAreSeen(t *testing.T) {
	for _, tt := range changes {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, commits)
			old := w.old(6)
			plan := w.plan()
			tt.do(w, old[0])
			out := w.carryOut(plan)
			if why := out.kept(old[0]); w.manifests[old[0]] == nil || why == "" || !strings.Contains(why, tt.why) {
				t.Errorf("kept because %q, want %q", why, tt.why)
			}
			if out.Deleted != 3 {
				t.Errorf("%d were deleted, want the other 3", out.Deleted)
			}
		})
	}
}

// The same while others are being deleted: what goes later is looked at again.
func TestChangesMeanwhileAreSeen(t *testing.T) {
	for _, tt := range changes {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, commits)
			w.apply.Batch = 1
			old := w.old(6)
			plan := w.plan()
			last := plan.Delete[len(plan.Delete)-1].Digest
			done := false
			w.hook = func(request, _ string) error {
				if request == "delete" && !done {
					done = true
					tt.do(w, last)
				}
				return nil
			}
			out := w.carryOut(plan)
			if why := out.kept(last); w.manifests[last] == nil || why == "" || !strings.Contains(why, tt.why) {
				t.Errorf("kept because %q, want %q", why, tt.why)
			}
			if out.Deleted != 3 || !slices.Contains(old, last) {
				t.Errorf("%d were deleted, want the other 3", out.Deleted)
			}
		})
	}
}

// A promotion of what is not here yet may need anything that is.
func TestUnknownPromotionStops(t *testing.T) {
	w := newWorld(t, commits)
	w.old(6)
	plan := w.plan()
	w.record("stable", ledger.Record{Kind: ledger.Intent, Digest: digestOf([]byte("elsewhere"))})
	if _, err := w.apply.Apply(t.Context(), plan); err == nil || !strings.Contains(err.Error(), "hello-os/stable is about to hold") {
		t.Errorf("got %v", err)
	}
	if n := w.requests["delete"]; n > 0 {
		t.Errorf("%d were deleted all the same", n)
	}
}

// What cannot be deleted stays whole, the rest goes, and the next run ends it.
func TestFailuresAreSetAside(t *testing.T) {
	w := newWorld(t, commits)
	child := w.image("child")
	index := w.index("", []string{child}, sha(100))
	signature := w.referrer("signature", index)
	w.look()
	w.pass(day)
	old := w.old(5)
	w.hook = func(request, reference string) error {
		if request == "delete" && reference == index {
			return errors.New("disk on fire")
		}
		return nil
	}
	plan := w.plan()
	out, err := w.apply.Apply(t.Context(), plan)
	if err == nil || !strings.Contains(err.Error(), "1 manifests could not be deleted") || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("got %v", err)
	}
	if len(out.Aside) != 1 || out.Aside[0].Digest != index || out.Deleted != 3 {
		t.Errorf("aside %v and %d deleted, want the index and 3", out.Aside, out.Deleted)
	}
	w.wantLeft(append([]string{child, index, signature}, old[3:]...)...)
	w.hook = nil
	if out := w.carryOut(plan); out.Deleted != 3 || out.Gone != 3 || len(out.Kept) > 0 {
		t.Errorf("again: %+v", out)
	}
	w.wantLeft(old[3:]...)
}

func TestRegistryThatRefusesIsAskedOnce(t *testing.T) {
	for status, cure := range map[int]string{
		http.StatusMethodNotAllowed: "REGISTRY_STORAGE_DELETE_ENABLED",
		http.StatusForbidden:        "--delete-auth may not delete",
	} {
		w := newWorld(t, commits)
		w.old(6)
		asked := 0
		w.hook = func(request, _ string) error {
			if request != "delete" {
				return nil
			}
			asked++
			return &transport.Error{StatusCode: status}
		}
		if _, err := w.apply.Apply(t.Context(), w.plan()); err == nil || !strings.Contains(err.Error(), cure) {
			t.Errorf("%d: got %v, want the cure %s", status, err, cure)
		}
		if asked != 1 {
			t.Errorf("%d: asked %d times to delete", status, asked)
		}
	}
}

// Everything that was deleted can be put back, byte by byte, under its tags.
func TestInventoryRestores(t *testing.T) {
	w := newWorld(t, commits)
	child := w.image("child")
	w.index("", []string{child}, sha(100), sha(101))
	w.old(4)
	before, tags := w.digests(), map[string]string{}
	for tag, digest := range w.tags {
		tags[tag] = digest
	}
	w.apply.Batch = 1
	out := w.carryOut(w.plan())
	if out.Deleted != 4 {
		t.Fatalf("%d were deleted, want 4", out.Deleted)
	}
	for key, err := range w.store.List(t.Context(), out.Run+"/inventory-") {
		var file SavedFile
		if err == nil {
			err = store.ReadJSON(t.Context(), w.store, key, &file)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, saved := range file.Manifests {
			w.manifests[digestOf(saved.Raw)] = saved.Raw
			for _, tag := range saved.Tags {
				w.tag(tag, saved.Digest)
			}
		}
	}
	if diff := cmp.Diff(before, w.digests()); diff != "" {
		t.Errorf("manifests (-before +restored):\n%s", diff)
	}
	if diff := cmp.Diff(tags, w.tags); diff != "" {
		t.Errorf("tags (-before +restored):\n%s", diff)
	}
}

// What could not be written down is not deleted.
func TestNoInventoryNoDeletion(t *testing.T) {
	w := newWorld(t, commits)
	w.old(6)
	plan := w.plan()
	w.apply.Store = &dying{Store: w.store, refuses: "/inventory-"}
	if _, err := w.apply.Apply(t.Context(), plan); !errors.Is(err, errDead) {
		t.Errorf("got %v", err)
	}
	if n := w.requests["delete"]; n > 0 {
		t.Errorf("%d were deleted all the same", n)
	}
}

func TestTwoRunsAtOnce(t *testing.T) {
	w := newWorld(t, commits)
	w.old(6)
	plan := w.plan()
	var second error
	w.hook = func(request, _ string) error {
		if request == "delete" && second == nil {
			_, second = w.apply.Apply(t.Context(), plan)
		}
		return nil
	}
	w.carryOut(plan)
	if !errors.Is(second, lease.ErrAlive) {
		t.Errorf("the second run got %v, want ErrAlive", second)
	}
}

// A plan is named by what it deletes, not by when it was made.
func TestHash(t *testing.T) {
	w := newWorld(t, commits)
	w.old(6)
	first := w.plan()
	w.pass(day)
	if again := w.plan(); again.Hash != first.Hash {
		t.Error("a day later the same deletions have another hash")
	}
	w.image("new", sha(50))
	if other := w.plan(); other.Hash == first.Hash || len(other.Delete) != 5 {
		t.Errorf("%d go, under the same hash: %t", len(other.Delete), other.Hash == first.Hash)
	}
}

func TestOrder(t *testing.T) {
	w := newWorld(t, commits)
	child := w.image("child")
	signed := w.referrer("signature of child", child)
	index := w.index("", []string{child}, sha(100))
	signature := w.referrer("signature", index)
	w.referrer("of it", signature)
	w.old(3)
	w.pass(day)
	at := map[string]int{}
	for i, d := range w.plan().Delete {
		at[d.Digest] = i
	}
	for _, pair := range [][2]string{{index, child}, {index, signature}, {child, signed}, {signature, child}} {
		first, ok := at[pair[0]]
		second, too := at[pair[1]]
		if !ok || !too || first > second {
			t.Errorf("%s at %d does not come before %s at %d", w.manifests[pair[0]], first, w.manifests[pair[1]], second)
		}
	}
	if got := fmt.Sprint(len(at)); got != "6" {
		t.Errorf("%s go, want 5 and one image", got)
	}
}
