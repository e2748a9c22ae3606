package retention

import (
	"context"
	"fmt"
	"slices"
)

// lookAgain keeps those of a batch that somebody came to want since the inventory was
// made: it reads the ledgers that grew, the plans in flight, the channels' tags, tags
// that are new, the batch's own tags, and its referrers.
func (r *run) lookAgain(ctx context.Context, batch []int32) error {
	for _, step := range []func(context.Context, []int32) error{r.ledgers, r.newTags, r.ownTags, r.newReferrers} {
		if err := step(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// ledgers keeps what channels and plans came to hold.
func (r *run) ledgers(ctx context.Context, _ []int32) error {
	inv, roots := r.view.Inventory, &r.view.Roots
	changed, err := roots.changed(ctx, r.Store)
	switch {
	case err != nil:
		return err
	case changed:
		*roots, err = r.roots(ctx, inv.Repository)
	default:
		err = rootReader{inFlight: r.InFlight}.readInFlight(ctx, roots)
	}
	if err != nil {
		return err
	}
	for digest, why := range roots.digests {
		if _, known := inv.index[digest]; !known {
			return fmt.Errorf("delete from %s: %s is %s since the run began, and what it leads to is not known; run again", inv.Repository, digest, why)
		}
		r.want(digest, why)
	}
	return r.arrivals()
}

// arrivals stops the run while something is promoted into this repository that is not
// here yet: it may need anything that is.
func (r *run) arrivals() error {
	inv := r.view.Inventory
	for digest, channel := range r.view.Roots.open {
		s, err := parseSum(digest)
		if at, known := inv.index[s]; err != nil || !known || inv.nodes[at].missing {
			return fmt.Errorf("delete from %s: channel %s is about to hold %s, which is not here yet and may need what was to go; run again when that promotion is done", inv.Repository, channel, digest)
		}
	}
	return nil
}

// want keeps a digest, if it is in the inventory.
func (r *run) want(digest sum, why string) {
	if at, here := r.view.Inventory.index[digest]; here && r.marks[at] == "" {
		r.view.Inventory.keep(r.marks, at, why)
	}
}

// newTags keeps what channels' tags, and tags that the look did not find, name now.
func (r *run) newTags(ctx context.Context, _ []int32) error {
	repository := r.view.Inventory.Repository
	tags := slices.Clone(r.view.Roots.channels)
	for tag, err := range r.Registry.Tags(ctx, repository) {
		if err != nil {
			return ignoreAbsent(fmt.Errorf("list the tags of %s: %w", repository, err))
		}
		if !r.known[tag] {
			tags = append(tags, tag)
		}
	}
	digests := make([]string, len(tags))
	err := r.each(ctx, len(tags), func(ctx context.Context, i int) (err error) {
		digests[i], err = r.Registry.Resolve(ctx, repository, tags[i])
		return ignoreAbsent(err)
	})
	for i, digest := range digests {
		if s, err := parseSum(digest); err == nil {
			r.want(s, "tag "+tags[i]+" names it now")
		}
	}
	return err
}

// ownTags keeps what lost a tag to something else, and that.
func (r *run) ownTags(ctx context.Context, batch []int32) error {
	inv := r.view.Inventory
	type own struct {
		at  int32
		tag string
	}
	var tags []own
	for _, at := range batch {
		for _, tag := range inv.nodes[at].tags {
			tags = append(tags, own{at, tag})
		}
	}
	digests := make([]string, len(tags))
	err := r.each(ctx, len(tags), func(ctx context.Context, i int) (err error) {
		digests[i], err = r.Registry.Resolve(ctx, inv.Repository, tags[i].tag)
		return ignoreAbsent(err)
	})
	for i, digest := range digests {
		now, err := parseSum(digest)
		if own := tags[i]; err == nil && now != inv.nodes[own.at].digest {
			inv.keep(r.marks, own.at, fmt.Sprintf("its tag %s moved to %s", own.tag, digest))
			r.want(now, "tag "+own.tag+" names it now")
		}
	}
	return err
}

// newReferrers keeps what somebody attached something to.
func (r *run) newReferrers(ctx context.Context, batch []int32) error {
	inv := r.view.Inventory
	referrers := make([][]sum, len(batch))
	err := r.each(ctx, len(batch), func(ctx context.Context, i int) (err error) {
		referrers[i], err = referrersOf(ctx, r.Registry, inv.Repository, inv.nodes[batch[i]].digest)
		return err
	})
	for i, at := range batch {
		for _, referrer := range referrers[i] {
			if _, known := inv.index[referrer]; !known {
				inv.keep(r.marks, at, "got a new referrer, "+referrer.String())
			}
		}
	}
	return err
}

// tagSet are all tags.
func (inv *Inventory) tagSet() map[string]bool {
	set := map[string]bool{}
	for i := range inv.nodes {
		for _, tag := range inv.nodes[i].tags {
			set[tag] = true
		}
	}
	return set
}
