package retention

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Applier deletes what a plan says.
type Applier struct {
	*Planner
	Deleter Deleter

	Who   string        // shown to others that wait for it
	Term  time.Duration // of its lease; 0 is lease.Term
	Batch int           // manifests to delete between two looks at what may have changed; 0 is 200
}

// Outcome is what applying a plan came to.
type Outcome struct {
	Repository string  `json:"repository"`
	Run        string  `json:"run"`     // folder in the store with what it deleted
	Deleted    int     `json:"deleted"` // manifests
	Gone       int     `json:"gone"`    // manifests that were gone already
	Kept       []Stays `json:"kept"`    // of the plan, for a reason that came up since
	Aside      []Stays `json:"aside"`   // could not be deleted
}

// Stays is a manifest of a plan that is still there.
type Stays struct {
	Digest string   `json:"digest"`
	Tags   []string `json:"tags,omitempty"`
	Why    string   `json:"why"`
}

// run is one Apply at work.
type run struct {
	*Applier
	guard   *guard
	view    *View
	marks   marks
	journal journal
	known   map[string]bool // tags that the look found
	removed map[int32]bool  // deleted or gone
	failed  map[int32]bool
	out     *Outcome
}

// Apply deletes what both the plan and a new look at the repository say may go. What
// the plan says and the look does not is kept, and named in the outcome; so is what a
// closer look before each batch finds wanted. What cannot be deleted is set aside
// with all that it holds; the next run tries it again.
func (a *Applier) Apply(ctx context.Context, plan Plan) (out Outcome, err error) {
	out.Repository = plan.Repository
	g, err := seize(ctx, a.Store, plan.Repository, a.Who, a.Term, a.say)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, g.release()) }()
	view, err := a.Look(ctx, plan.Repository)
	if err != nil {
		return out, err
	}
	r := &run{Applier: a, guard: g, view: view, removed: map[int32]bool{}, failed: map[int32]bool{}, out: &out}
	r.marks, _ = view.marks()
	r.restrict(plan)
	rest := view.plan(r.marks)
	if err := a.Check(rest); err != nil {
		return out, err
	}
	err = r.deleteAll(ctx, rest)
	r.report(plan)
	return out, err
}

// unplanned is why something stays that could go and that the plan does not name.
const unplanned = "came after the plan was made"

// restrict keeps what the plan does not name, and what changed since it was made.
func (r *run) restrict(plan Plan) {
	inv := r.view.Inventory
	planned := make(map[sum]int, len(plan.Delete))
	for i, d := range plan.Delete {
		if digest, err := parseSum(d.Digest); err == nil {
			planned[digest] = i
		}
	}
	for at := range int32(len(inv.nodes)) {
		n := &inv.nodes[at]
		if r.marks[at] != "" || n.missing {
			continue
		}
		i, isPlanned := planned[n.digest]
		switch {
		case !isPlanned:
			inv.keep(r.marks, at, unplanned)
		case !slices.Equal(n.tags, plan.Delete[i].Tags):
			inv.keep(r.marks, at, fmt.Sprintf("its tags changed since the plan was made: then %v, now %v", plan.Delete[i].Tags, n.tags))
		}
	}
}

// deleteAll deletes what is not marked, which is what the plan names, batch by batch.
func (r *run) deleteAll(ctx context.Context, plan Plan) (err error) {
	if len(plan.Delete) > 0 {
		if r.journal, err = begin(ctx, r.Store, plan, r.view.Now); err != nil {
			return err
		}
		r.out.Run = r.journal.folder
		r.known = r.view.Inventory.tagSet()
		if err := r.batches(ctx, len(plan.Delete)); err != nil {
			return err
		}
		if err := r.journal.finish(ctx); err != nil {
			return err
		}
	}
	return r.finishOthers(ctx)
}

func (r *run) batches(ctx context.Context, total int) error {
	repository := r.view.Inventory.Repository
	groups := r.view.Inventory.order(r.marks)
	for done := 0; len(groups) > 0; {
		n, size := r.cut(groups)
		if err := r.batch(ctx, slices.Concat(groups[:n]...)); err != nil {
			return err
		}
		groups, done = groups[n:], done+size
		r.say(fmt.Sprintf("%s: worked through %d of %d", repository, done, total))
	}
	if len(r.failed) > 0 {
		return fmt.Errorf("delete from %s: %d manifests could not be deleted, the first: %s; run again", repository, len(r.failed), r.out.Aside[0].Why)
	}
	return nil
}

// finishOthers says of earlier runs that there is nothing left of them to do, if so:
// what they left is either gone now or kept for a reason.
func (r *run) finishOthers(ctx context.Context) error {
	inv := r.view.Inventory
	for at, n := range inv.nodes {
		if why := r.marks[at]; n.left && !n.missing && !r.removed[int32(at)] && (why == "" || why == unplanned) {
			return nil
		}
	}
	for _, folder := range r.view.past.unfinished {
		if err := (journal{store: r.Store, folder: folder}).finish(ctx); err != nil {
			return err
		}
	}
	return nil
}

// cut is how many groups, whole ones, make the next batch, and how many manifests.
func (r *run) cut(groups [][]int32) (n, size int) {
	most := r.Batch
	if most <= 0 {
		most = 200
	}
	for n < len(groups) && (n == 0 || size+len(groups[n]) <= most) {
		size += len(groups[n])
		n++
	}
	return n, size
}

// report names what is still there of the plan.
func (r *run) report(plan Plan) {
	inv := r.view.Inventory
	for _, d := range plan.Delete {
		digest, err := parseSum(d.Digest)
		at, here := inv.index[digest]
		stays := Stays{d.Digest, d.Tags, ""}
		switch {
		case err != nil:
			stays.Why = err.Error()
		case here && r.removed[at] || here && r.failed[at]:
			continue
		case here && inv.nodes[at].missing || !here && r.view.past.deleted[digest] > 0:
			r.out.Gone++
			continue
		case !here:
			stays.Why = "no tag leads to it any more: its tags moved or were taken away"
		case r.marks[at] == "":
			stays.Why = "the run ended before it"
		default:
			stays.Why = r.marks[at]
		}
		r.out.Kept = append(r.out.Kept, stays)
	}
}
