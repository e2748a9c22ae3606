package retention

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// endless is a registry of which nothing is in memory: what is measured is the plan's.
type endless struct{ tags int }

func (e endless) image(tag string) []byte {
	raw, _ := json.Marshal(manifest{MediaType: imageType, Note: tag, Layers: []descriptor{{Digest: digestOf([]byte(tag)), Size: 1}}})
	return raw
}

func (e endless) Tags(context.Context, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for i := range e.tags {
			if !yield(sha(i), nil) {
				return
			}
		}
	}
}

func (e endless) Resolve(_ context.Context, _, tag string) (string, error) {
	return digestOf(e.image(tag)), nil
}

func (e endless) Manifest(context.Context, string, string) (string, []byte, error) {
	return "", nil, fmt.Errorf("every manifest was seen before")
}

func (e endless) Referrers(context.Context, string, string) ([]v1.Descriptor, error) { return nil, nil }

// A plan over a hundred thousand tags, nearly all of which go, fits into 100 MB with
// the inventory that it was made of and all that the store remembers.
func TestMemory(t *testing.T) {
	const tags, limit = 100_000, 100 << 20
	w := newWorld(t, commits)
	registry := endless{tags}
	w.apply.Registry = registry
	known := &memory{}
	for i := range tags {
		digest, err := parseSum(digestOf(registry.image(sha(i))))
		if err != nil {
			t.Fatal(err)
		}
		known.fresh = append(known.fresh, seenEntry{digest, facts{Size: 1}})
	}
	if err := known.record(t.Context(), w.store, repository, dawn); err != nil {
		t.Fatal(err)
	}
	w.pass(100 * day)
	w.apply.Config.Retention[0].Keep.Last = 0
	known = nil
	before := heap()
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(before + 90<<20)) // as the command does
	most := highest()
	view, err := w.apply.Look(t.Context(), repository)
	if err != nil {
		t.Fatal(err)
	}
	plan := view.Plan()
	used := most() - before
	t.Logf("%d MB at most, %d MB in the end", used>>20, (heap()-before)>>20)
	if used > limit {
		t.Errorf("%d bytes are taken, want at most %d", used, limit)
	}
	if len(plan.Delete) != tags {
		t.Errorf("%d go, want %d", len(plan.Delete), tags)
	}
	runtime.KeepAlive(view)
}

// highest watches how much is taken, with what is not yet collected, until it is asked.
func highest() func() int64 {
	var most int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				var stats runtime.MemStats
				runtime.ReadMemStats(&stats)
				most = max(most, int64(stats.HeapAlloc))
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-stopped
		return most
	}
}

// heap is what is held after what is not has been collected.
func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
