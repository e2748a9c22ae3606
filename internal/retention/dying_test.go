package retention

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/store"
)

var errDead = errors.New("dead")

// dying is a store of which a run sees nothing more once it is dead.
type dying struct {
	store.Store
	refuses string // keys that hold this cannot be created
	mu      sync.Mutex
	dead    bool
}

func (d *dying) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
}

func (d *dying) check(key string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead || d.refuses != "" && strings.Contains(key, d.refuses) {
		return errDead
	}
	return nil
}

func (d *dying) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	if err := d.check(key); err != nil {
		return err
	}
	return d.Store.Create(ctx, key, body)
}

func (d *dying) Swap(ctx context.Context, key string, old store.Generation, data []byte) (store.Generation, error) {
	if err := d.check(key); err != nil {
		return "", err
	}
	return d.Store.Swap(ctx, key, old, data)
}

// A run that dies at any request leaves nothing broken that was wanted, and the next
// one ends what it began.
func TestKilledAnywhere(t *testing.T) {
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			g := generate(t, seed(t, 0), 60)
			g.apply.Batch, g.apply.Term = 1+g.random.IntN(8), time.Second
			stays := g.oracle().stays()
			plan := g.plan()
			g.killAfter(g.random.IntN(3*len(plan.Delete) + 1))
			_, err := g.apply.Apply(t.Context(), plan)
			g.hook, g.apply.Store = nil, g.store
			for digest := range stays {
				if g.manifests[digest] == nil {
					t.Errorf("after %v %s is gone", err, digest)
				}
			}
			if len(plan.Delete) > 0 {
				g.carryOut(g.plan())
			}
			g.wantExactly(stays)
			if left := g.plan(); len(left.Delete) > 0 {
				t.Errorf("%d are left to be deleted", len(left.Delete))
			}
		})
	}
}

// killAfter lets the next run die after so many requests of its deleting part.
func (g *generated) killAfter(requests int) {
	life := &dying{Store: g.store}
	g.apply.Store = life
	var mu sync.Mutex
	deleting := false
	g.hook = func(request, _ string) error {
		mu.Lock()
		defer mu.Unlock()
		deleting = deleting || request == "delete"
		if deleting {
			requests--
		}
		if requests < 0 {
			life.kill()
			return errDead
		}
		return nil
	}
}

// wantExactly checks what is there against the oracle's word.
func (g *generated) wantExactly(stays map[string]bool) {
	g.t.Helper()
	var want []string
	for digest := range stays {
		want = append(want, digest)
	}
	g.wantLeft(want...)
}

// promoter promotes a digest step by step, in the order that Condemned asks for,
// while something else is at work.
type promoter struct {
	g      *generated
	digest string
	tree   []string
	step   int
	done   bool
}

func (p *promoter) advance() {
	g := p.g
	switch p.step++; p.step {
	case 1:
		g.record("stable", ledger.Record{Kind: ledger.Intent, Digest: p.digest})
	case 2:
		condemned, err := Condemned(g.t.Context(), g.store, repository, p.tree...)
		if err != nil || len(condemned) > 0 {
			p.giveUp()
		}
	case 3:
		for _, digest := range p.tree {
			if g.manifests[digest] == nil {
				p.giveUp()
				return
			}
		}
	case 4:
		g.tag("stable", p.digest)
		g.record("stable", ledger.Record{Kind: ledger.Done, Digest: p.digest})
		p.done = true
	}
}

func (p *promoter) giveUp() {
	p.step = 100
	p.g.record("stable", ledger.Record{Kind: ledger.Aside, Digest: p.digest})
}

// A promoter and a run of retention that meet anywhere: what was promoted is whole.
func TestPromotionsAtTheSameTime(t *testing.T) {
	t.Parallel()
	promoted := 0
	for range 8 {
		g := generate(t, seed(t, 0), 40)
		plan := g.plan()
		if len(plan.Delete) == 0 {
			continue
		}
		g.apply.Batch = 1 + g.random.IntN(10)
		p := &promoter{g: g, digest: plan.Delete[g.random.IntN(len(plan.Delete))].Digest}
		o := g.oracle()
		closure := map[string]bool{p.digest: true}
		o.spread(closure)
		for digest := range closure {
			p.tree = append(p.tree, digest)
		}
		requests, begin := 0, g.random.IntN(4*len(g.manifests))
		var mu sync.Mutex
		g.hook = func(string, string) error {
			mu.Lock()
			defer mu.Unlock()
			requests++
			if requests > begin && g.random.IntN(3) > 0 {
				p.advance()
			}
			return nil
		}
		_, err := g.apply.Apply(t.Context(), plan)
		g.hook = nil
		for p.step < 4 {
			p.advance()
		}
		if !p.done {
			continue
		}
		promoted++
		for _, digest := range p.tree {
			if g.manifests[digest] == nil {
				t.Errorf("%s was promoted, and %s of it is gone; the run said %v", p.digest, digest, err)
			}
		}
	}
	t.Logf("%d were promoted", promoted)
}

// While something is deleted, a promoter can find out; afterwards it is just gone.
func TestCondemned(t *testing.T) {
	w := newWorld(t, commits)
	old := w.old(6)
	condemned := func() []string {
		t.Helper()
		found, err := Condemned(t.Context(), w.store, repository, old...)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(found)
		return found
	}
	var during []string
	w.hook = func(request, _ string) error {
		if request == "delete" {
			during = condemned()
		}
		return nil
	}
	w.carryOut(w.plan())
	if diff := cmp.Diff(slices.Sorted(slices.Values(old[:4])), during); diff != "" {
		t.Errorf("while it deletes (-want +got):\n%s", diff)
	}
	if after := condemned(); len(after) > 0 {
		t.Errorf("afterwards %v are condemned", after)
	}
}
