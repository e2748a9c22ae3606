package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"slipway.dev/slipway/internal/lease"
	"slipway.dev/slipway/internal/store"
)

// guard is the one run that may delete from a repository. It says what it is about to
// delete before it looks whether somebody wants it, and a promoter says what it wants
// before it looks whether that is about to go: of the two that meet, at least one sees
// the other.
type guard struct {
	store      store.Pointers
	key        string
	lease      *lease.Lease
	generation store.Generation
}

// guarded is what now.json holds.
type guarded struct {
	Run     string `json:"run"`
	Digests []sum  `json:"digests,omitempty"`
}

func guardKey(repository string) string { return folderOf(repository) + "now.json" }

// Condemned are those of the digests that a run of retention is deleting, or was when
// it died. A promoter writes its intent, then asks this about the image and all that
// belongs to it, and then sees that all of it is there; the other way round it could
// promote what is gone a moment later.
func Condemned(ctx context.Context, s store.Pointers, repository string, digests ...string) ([]string, error) {
	now, _, err := readGuarded(ctx, s, repository)
	if err != nil {
		return nil, err
	}
	var condemned []string
	for _, digest := range now.Digests {
		if slices.Contains(digests, digest.String()) {
			condemned = append(condemned, digest.String())
		}
	}
	return condemned, nil
}

func readGuarded(ctx context.Context, s store.Pointers, repository string) (now guarded, generation store.Generation, err error) {
	data, generation, err := s.Read(ctx, guardKey(repository))
	if errors.Is(err, store.ErrNotFound) {
		return guarded{}, generation, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &now)
	}
	if err != nil {
		err = fmt.Errorf("see whether retention is at work in %s: %w", repository, err)
	}
	return now, generation, err
}

// seize makes this run the one that deletes from a repository. Another's that is alive
// is lease.ErrAlive.
func seize(ctx context.Context, s store.Store, repository, who string, term time.Duration, say func(string)) (*guard, error) {
	before, generation, err := readGuarded(ctx, s, repository)
	if err != nil {
		return nil, err
	}
	if before.Run != "" {
		if err := lease.Wait(ctx, s, before.Run, say); err != nil {
			return nil, fmt.Errorf("delete from %s: %w", repository, err)
		}
	}
	held, err := lease.Take(ctx, s, who, term)
	if err != nil {
		return nil, err
	}
	g := &guard{store: s, key: guardKey(repository), lease: held, generation: generation}
	if err := g.condemn(ctx, nil); err != nil {
		held.End()
		return nil, err
	}
	return g, nil
}

// condemn says what is about to be deleted, instead of what was.
func (g *guard) condemn(ctx context.Context, digests []sum) error {
	return g.swap(ctx, guarded{g.lease.Run, digests})
}

func (g *guard) swap(ctx context.Context, now guarded) error {
	data, err := json.Marshal(now)
	if err != nil {
		return err
	}
	generation, err := g.store.Swap(ctx, g.key, g.generation, data)
	if errors.Is(err, store.ErrStale) {
		return fmt.Errorf("say what is about to be deleted: %w: another run of retention took over; run again", lease.ErrAlive)
	}
	if err != nil {
		return fmt.Errorf("say what is about to be deleted: %w", err)
	}
	g.generation = generation
	return nil
}

// release lets others delete.
func (g *guard) release() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := g.swap(ctx, guarded{})
	g.lease.End()
	return err
}
