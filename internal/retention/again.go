package retention

import (
	"context"
	"fmt"
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

// ledgers keeps what channels and plans came to hold. A promotion under way into this
// repository of what is not here yet may need anything that is.
func (r *run) ledgers(ctx context.Context, _ []int32) error {
	changed, err := r.view.Roots.changed(ctx, r.Store)
	if err != nil {
		return err
	}
	roots := &r.view.Roots
	if changed {
		fresh, err := r.roots(ctx, r.residents()[r.view.Inventory.Repository])
		if err != nil {
			return err
		}
		r.view.Roots = fresh
	} else if err := r.plansInFlight(ctx, roots); err != nil {
		return err
	}
	for digest, why := range r.view.Roots.digests {
		r.want(digest, why)
	}
	for digest, channel := range r.view.Roots.open {
		if _, here := r.view.Inventory.index[digest]; !here {
			return fmt.Errorf("delete from %s: channel %s is about to hold %s, which may need what was to go; run again when that promotion is done", r.view.Inventory.Repository, channel, digest)
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
	var tags []string
	for _, tag := range r.view.Roots.channels {
		tags = append(tags, tag)
	}
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

// plansInFlight keeps what plans came to name.
func (r *run) plansInFlight(ctx context.Context, roots *Roots) error {
	return rootReader{inFlight: r.InFlight}.readInFlight(ctx, roots)
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
