package retention

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway.dev/slipway/internal/lease"
	"slipway.dev/slipway/internal/oci"
)

// Writer writes into registries.
type Writer interface {
	// Put writes a manifest under its digest.
	Put(ctx context.Context, repository string, m oci.Manifest) error
	// Tag lets a tag name a manifest that is there.
	Tag(ctx context.Context, repository, tag string, m oci.Manifest) error
	// Refer lists a manifest that is there among its subject's referrers.
	Refer(ctx context.Context, repository string, m oci.Manifest) error
}

// Restorer puts back what runs deleted, for as long as the registry has its blobs. What
// a manifest names comes before it, and tags come last. A tag that names something else
// by now, or that a channel or a version owns, is left as it is.
type Restorer struct {
	*Planner
	Writer Writer

	Who  string        // shown to others that wait for it
	Term time.Duration // of its lease; 0 is lease.Term
}

// Wanted is what to put back: all that a run wrote down, or some manifests, with all
// that would have stayed with them.
type Wanted struct {
	Repository string
	Run        string   // empty is the last one, or for each digest the last that wrote it down
	Digests    []string // empty is all of the run
}

// State is what becomes of something that was deleted.
type State string

// The states.
const (
	Missing State = "missing" // and can be put back
	Here    State = "here"    // already
	Back    State = "back"    // was put back
	Left    State = "left"    // of tags: it is not ours to set
	Aside   State = "aside"   // cannot be put back
)

// Restoration is what is, or was, put back, in that order.
type Restoration struct {
	Repository string     `json:"repository"`
	Manifests  []Returned `json:"manifests"`
	Damaged    []Damage   `json:"damaged,omitempty"` // parts of the run's inventory
}

// Returned is a manifest, and what becomes of it.
type Returned struct {
	Digest string        `json:"digest"`
	Run    string        `json:"run"` // that wrote it down
	State  State         `json:"state"`
	Why    string        `json:"why,omitempty"`
	Tags   []ReturnedTag `json:"tags,omitempty"`
}

// ReturnedTag is a tag of a manifest, and what becomes of it.
type ReturnedTag struct {
	Tag   string `json:"tag"`
	State State  `json:"state"`
	Why   string `json:"why,omitempty"`
}

// Count is how many manifests and how many tags are in a state.
func (r *Restoration) Count(state State) (manifests, tags int) {
	for _, m := range r.Manifests {
		if m.State == state {
			manifests++
		}
		for _, t := range m.Tags {
			if t.State == state {
				tags++
			}
		}
	}
	return manifests, tags
}

// check is an error if something cannot be put back.
func (r *Restoration) check() error {
	manifests, tags := r.Count(Aside)
	if manifests+tags+len(r.Damaged) == 0 {
		return nil
	}
	return fmt.Errorf("put back into %s: %d manifests and %d tags are set aside, and %d parts of the inventory are damaged; they are named with the cure, and the others are not held up",
		r.Repository, manifests, tags, len(r.Damaged))
}

// Preview says what Restore would put back. It changes nothing.
func (r *Restorer) Preview(ctx context.Context, w Wanted) (Restoration, error) {
	j, err := r.prepare(ctx, w)
	if err != nil {
		return Restoration{Repository: w.Repository}, err
	}
	out := j.result()
	return out, out.check()
}

// Restore puts back what is wanted. It looks at everything anew, so a second one only
// does what is left. What cannot be put back is set aside and named in the error; no
// run of retention is at work in the repository meanwhile.
func (r *Restorer) Restore(ctx context.Context, w Wanted) (out Restoration, err error) {
	out.Repository = w.Repository
	g, err := seize(ctx, r.Store, w.Repository, r.Who, r.Term, r.say)
	if errors.Is(err, lease.ErrAlive) {
		return out, fmt.Errorf("put back into %s: retention is at work there; run again when it is done: %w", w.Repository, lease.ErrAlive)
	}
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, g.release()) }()
	j, err := r.prepare(ctx, w)
	if err != nil {
		return out, err
	}
	err = j.putBack(ctx, g.lease)
	out = j.result()
	if err != nil {
		return out, fmt.Errorf("put back into %s: %w; run again, which does what is left", w.Repository, err)
	}
	return out, out.check()
}

// prepare finds out what is to be put back, and what is there.
func (r *Restorer) prepare(ctx context.Context, w Wanted) (*restoring, error) {
	a, err := r.archive(ctx, w.Repository)
	if err != nil {
		return nil, err
	}
	j, err := a.choose(w)
	if err != nil {
		return nil, err
	}
	j.Restorer = r
	if j.roots, err = r.roots(ctx, w.Repository); err != nil {
		return nil, fmt.Errorf("find out which tags of %s belong to channels: %w", w.Repository, err)
	}
	j.sort()
	if err := j.look(ctx); err != nil {
		return nil, err
	}
	return j, nil
}
