package retention

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/progress"
)

// look makes an inventory. It asks for each tag once, for each manifest that no
// earlier look has seen once, and for each manifest's referrers once.
type look struct {
	registry Registry
	known    *memory
	parallel int
	say      func(string)
	inv      *Inventory
	done     int // nodes that were asked about
}

// chunk is how many answers are waited for before they are worked in.
const chunk = 2048

func (l *look) run(ctx context.Context, roots *Roots) error {
	defer progress.Watch(10*time.Second, "looking at what "+l.inv.Repository+" holds", l.say)()
	if err := l.readTags(ctx); err != nil {
		return err
	}
	l.attach()
	for _, digest := range l.known.left {
		n := &l.inv.nodes[l.inv.add(digest)]
		n.left, n.doubtful = true, true
	}
	return l.expand(ctx, roots)
}

// readTags finds the digest of every tag.
func (l *look) readTags(ctx context.Context) error {
	found, err := l.resolveAll(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(found, func(a, b tagged) int { return strings.Compare(a.tag, b.tag) })
	for _, t := range found {
		n := &l.inv.nodes[l.inv.add(t.digest)]
		n.tags = append(n.tags, t.tag)
	}
	return nil
}

type tagged struct {
	tag    string
	digest sum
}

// resolveAll asks for every tag of the list. One that goes meanwhile is no tag.
func (l *look) resolveAll(ctx context.Context) (found []tagged, err error) {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(l.parallel)
	var mu sync.Mutex
	var listing error
	for tag, err := range l.registry.Tags(inner, l.inv.Repository) {
		if err != nil {
			listing = err
			break
		}
		group.Go(func() error {
			digest, err := l.resolve(inner, tag)
			if err != nil {
				return ignoreAbsent(err)
			}
			mu.Lock()
			defer mu.Unlock()
			found = append(found, tagged{tag, digest})
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if ignoreAbsent(listing) != nil {
		return nil, fmt.Errorf("list the tags of %s: %w", l.inv.Repository, listing)
	}
	return found, nil
}

func (l *look) resolve(ctx context.Context, tag string) (sum, error) {
	digest, err := l.registry.Resolve(ctx, l.inv.Repository, tag)
	if err != nil {
		return sum{}, fmt.Errorf("look up %s:%s: %w", l.inv.Repository, tag, err)
	}
	return parseSum(digest)
}

func ignoreAbsent(err error) error {
	if errors.Is(err, ErrAbsent) {
		return nil
	}
	return err
}

// attach lets what is tagged as attached to something belong to that.
func (l *look) attach() {
	for i := range int32(len(l.inv.nodes)) {
		for _, tag := range l.inv.nodes[i].tags {
			if subject, ok := attachedTo(tag); ok {
				at := l.inv.add(subject)
				l.inv.nodes[at].doubtful = true
				l.inv.attach(at, i)
			}
		}
	}
}

// answer is what the registry, or the memory, said of a manifest.
type answer struct {
	facts     facts
	missing   bool
	referrers []sum
}

// expand adds what the roots name, and asks about each manifest of the inventory, which
// adds others, until there are no others.
func (l *look) expand(ctx context.Context, roots *Roots) error {
	for _, digest := range slices.SortedFunc(maps.Keys(roots.digests), sum.compare) {
		if _, known := l.inv.index[digest]; !known {
			l.inv.nodes[l.inv.add(digest)].doubtful = true
		}
	}
	for l.done < len(l.inv.nodes) {
		part := l.inv.nodes[l.done:min(l.done+chunk, len(l.inv.nodes))]
		answers := make([]answer, len(part))
		group, inner := errgroup.WithContext(ctx)
		group.SetLimit(l.parallel)
		for i := range part {
			group.Go(func() (err error) {
				answers[i], err = l.ask(inner, &part[i])
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for i, a := range answers {
			l.link(int32(l.done+i), a)
		}
		l.done += len(part)
	}
	return nil
}

// ask reads a manifest and its referrers.
func (l *look) ask(ctx context.Context, n *node) (answer, error) {
	var a answer
	var ok bool
	if a.facts, ok = l.known.facts(n.digest); !ok || n.doubtful && len(n.tags) == 0 {
		var err error
		a.facts, err = readFacts(ctx, l.registry, l.inv.Repository, n.digest)
		if errors.Is(err, ErrAbsent) {
			return answer{missing: true}, nil
		}
		if err != nil {
			return a, err
		}
	}
	referrers, err := referrersOf(ctx, l.registry, l.inv.Repository, n.digest)
	a.referrers = referrers
	return a, err
}

func (l *look) link(at int32, a answer) {
	n := &l.inv.nodes[at]
	n.size, n.missing = a.facts.Size, a.missing
	if a.missing {
		return
	}
	l.known.note(n.digest, a.facts)
	for _, child := range a.facts.Children {
		l.inv.addChild(at, l.inv.add(child))
	}
	if a.facts.Subject != nil {
		l.inv.addReferrer(l.inv.add(*a.facts.Subject), at)
	}
	for _, referrer := range a.referrers {
		l.inv.addReferrer(at, l.inv.add(referrer))
	}
}
