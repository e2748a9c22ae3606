package hardtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/testkit/registry"
)

const (
	faultyEdges    = 30
	faultyDeadline = 60 * time.Second // of one apply; it takes a few
)

// impatient gives a registry that is broken up so soon that some edges do not move.
var impatient = oci.Config{Idle: 150 * time.Millisecond, Deadline: 3 * time.Second, Attempts: 2, Backoff: 5 * time.Millisecond}

// TestFaultyRegistries moves images within a registry, and from one to another, while
// both answer a part of what they are asked wrongly. An edge moves or is named; no tag is
// ever wrong; and it does not take for ever.
func TestFaultyRegistries(t *testing.T) {
	for _, kind := range registry.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			newFaulty(t, kind, seed).try()
		})
	}
}

// faulty is the world of two registries that break.
type faulty struct {
	*world
	random *rand.Rand
}

const faultyText = `
signers: {ci: {key: ci.pub}}
channels:
  image:
  - {name: next, gate: {tests: [{name: unit, signers: [ci]}]}}
  - {name: live, from: next, gate: {tests: [{name: unit, signers: [ci]}]}}
artifacts:
`

func newFaulty(t *testing.T, kind registry.Kind, seed uint64) *faulty {
	t.Helper()
	text := faultyText
	for i, name := range numbered(faultyEdges) {
		live := []string{"HERE", "THERE"}[i%2]
		text += fmt.Sprintf("- {name: %s, kind: image, location: HERE/%s, locations: {live: %s/%s}, channels: image}\n", name, name, live, name)
	}
	return &faulty{newWorld(t, kind, text, "ci"), rand.New(rand.NewPCG(seed, 0))}
}

// try moves first images while all is well, others while 30 % of everything is wrong, and
// more while most of what is said and heard of tags is.
func (f *faulty) try() {
	old := f.requests()
	f.mustPromote(old...)
	f.mustPromote(onward(old)...)
	for _, breakage := range []registry.Breakage{{Share: 0.3}, {Share: 0.6, Match: isOfTag}} {
		next := f.requests()
		f.tryMove(breakage, next, old, next)
		f.tryMove(breakage, onward(next), old, next)
		old = next
	}
}

// isOfTag knows the requests on which it hangs whether a channel has moved.
func isOfTag(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/manifests/next") || strings.HasSuffix(r.URL.Path, "/manifests/live")
}

// requests are of new images into next.
func (f *faulty) requests() []promotion.Request {
	var all []promotion.Request
	digests := f.pushTested(numbered(faultyEdges), "unit")
	for _, name := range numbered(faultyEdges) {
		all = append(all, promotion.Request{Channel: name + "/next", Digest: digests[name]})
	}
	return all
}

// onward are requests from next into live.
func onward(next []promotion.Request) []promotion.Request {
	var all []promotion.Request
	for _, r := range next {
		all = append(all, promotion.Request{Channel: strings.Replace(r.Channel, "/next", "/live", 1)})
	}
	return all
}

// tryMove applies thrice while the registries break, and once more when they do not.
func (f *faulty) tryMove(breakage registry.Breakage, requests, before, after []promotion.Request) {
	f.Helper()
	for range 3 {
		f.breakAll(breakage)
		plan, took, err := f.apply(requests)
		f.breakAll(registry.Breakage{})
		f.Logf("%d of %d moved in %s", plan.Count(promotion.Moved), len(plan.Steps), took.Round(time.Millisecond))
		if took > faultyDeadline {
			f.Errorf("it took %s", took)
		}
		f.checkNamed(plan, err)
		for i := range requests {
			f.checkTag(requests[i].Channel, before[i].Digest, after[i].Digest)
		}
	}
	f.mustPromote(requests...)
	want := map[string]string{}
	for i, r := range requests {
		want[r.Channel] = after[i].Digest
	}
	f.want(want)
}

func (f *faulty) breakAll(b registry.Breakage) {
	for _, proxy := range []*registry.Proxy{f.here, f.there} {
		b.Seed = f.random.Uint64()
		proxy.Break(b)
	}
}

func (f *faulty) apply(requests []promotion.Request) (plan *promotion.Plan, took time.Duration, err error) {
	f.Helper()
	began := time.Now()
	p, err := f.setting.promoter("tester", impatient, nil)
	if err == nil {
		plan, err = p.Plan(f.Context(), promotion.Order{Requests: requests})
	}
	if err != nil {
		f.Fatal(err)
	}
	err = p.Apply(f.Context(), plan)
	return plan, time.Since(began), err
}

// checkNamed checks that the error names each edge that did not move, and no other.
func (f *faulty) checkNamed(plan *promotion.Plan, err error) {
	f.Helper()
	var left *promotion.LeftError
	if err != nil && !errors.As(err, &left) {
		f.Fatalf("it ended with %v", err)
	}
	for _, step := range plan.Steps {
		moved := step.State == promotion.Moved || step.State == promotion.Current
		named := left != nil && slices.ContainsFunc(left.Errs, func(err error) bool { return strings.HasPrefix(err.Error(), step.Channel()+": ") })
		if moved == named {
			f.Errorf("%s is %s, and the error says %v", step.Channel(), step.State, err)
		}
	}
}
