package retention

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/store"
)

// Roots are what stays whatever the rules say, and when the ledger first knew of a
// digest. The digests of every channel of an artifact stay in each repository that
// one of its channels lies in: those of one channel are where the next takes from.
type Roots struct {
	digests  map[sum]string    // why a digest stays, be it tagged or not
	tags     map[string]string // why what a tag names stays
	times    map[sum]int64     // seconds since 1970
	open     map[string]string // channels in this repository with an open intent, by its digest
	lengths  map[string]int    // records of each channel
	channels []string          // their tags
}

func newRoots() Roots {
	return Roots{digests: map[sum]string{}, tags: map[string]string{}, times: map[sum]int64{}, open: map[string]string{}, lengths: map[string]int{}}
}

// DefaultStays is how many digests a channel may be rolled back to, besides the one
// that it holds.
const DefaultStays = 5

// rootReader reads Roots from the ledger.
type rootReader struct {
	store    store.Store
	stays    int
	inFlight func(context.Context) ([]string, error)
}

// read gives the roots of a repository, which these artifacts lie in.
func (r rootReader) read(ctx context.Context, config *channel.Config, repository string, artifacts []channel.Artifact) (Roots, error) {
	roots := newRoots()
	if err := r.readInFlight(ctx, &roots); err != nil {
		return roots, err
	}
	for _, artifact := range artifacts {
		for _, ch := range config.Of(artifact) {
			line, err := ledger.Read(ctx, r.store, channel.Full(artifact.Name, ch.Name))
			if err != nil {
				return roots, err
			}
			roots.tags[ch.Name] = "tag of channel " + line.Channel
			roots.channels = append(roots.channels, ch.Name)
			if err := roots.add(line, r.stays); err != nil {
				return roots, fmt.Errorf("read the ledger of %s: %w", line.Channel, err)
			}
			if open, is := line.Open(); is && artifact.At(ch.Name) == repository {
				roots.open[open.Digest] = line.Channel
			}
		}
	}
	return roots, nil
}

func (r rootReader) readInFlight(ctx context.Context, roots *Roots) error {
	if r.inFlight == nil {
		return nil
	}
	digests, err := r.inFlight(ctx)
	if err != nil {
		return fmt.Errorf("find out which plans are in flight: %w", err)
	}
	for _, digest := range digests {
		if err := roots.hold(digest, "in a plan in flight"); err != nil {
			return fmt.Errorf("find out which plans are in flight: %w", err)
		}
	}
	return nil
}

// add takes a channel's records in.
func (r *Roots) add(line ledger.Line, stays int) error {
	r.lengths[line.Channel] = len(line.Records)
	for _, record := range line.Records {
		digest, err := parseSum(record.Digest)
		if err != nil {
			return err
		}
		if first, known := r.times[digest]; !known || record.Time.Unix() < first {
			r.times[digest] = record.Time.Unix()
		}
		if record.Version != "" {
			r.tags[record.Version] = isVersion
		}
	}
	if open, ok := line.Open(); ok {
		if err := r.hold(open.Digest, "about to be in channel "+line.Channel); err != nil {
			return err
		}
	}
	return r.addStays(line, stays)
}

func (r *Roots) addStays(line ledger.Line, stays int) error {
	held := map[string]bool{}
	for _, stay := range slices.Backward(line.Stays()) {
		digest := stay.Done.Digest
		switch {
		case held[digest]:
			continue
		case len(held) > stays:
			return nil
		}
		why := "in channel " + line.Channel
		if len(held) > 0 {
			why = "rollback target of channel " + line.Channel
		}
		held[digest] = true
		if err := r.hold(digest, why); err != nil {
			return err
		}
	}
	return nil
}

// hold keeps a digest; the first reason stays.
func (r *Roots) hold(digest, why string) error {
	s, err := parseSum(digest)
	if err == nil && r.digests[s] == "" {
		r.digests[s] = why
	}
	return err
}

// changed says whether a ledger has other records than when it was read. Records are
// never taken away, so their number tells.
func (r *Roots) changed(ctx context.Context, s store.Store) (bool, error) {
	channels := slices.Sorted(maps.Keys(r.lengths))
	lengths := make([]int, len(channels))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, name := range channels {
		group.Go(func() (err error) {
			lengths[i], err = records(ctx, s, name)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return false, err
	}
	for i, name := range channels {
		if lengths[i] != r.lengths[name] {
			return true, nil
		}
	}
	return false, nil
}

func records(ctx context.Context, s store.Store, name string) (n int, err error) {
	prefix := ledger.Folder + name + "/"
	for key, err := range s.List(ctx, prefix) {
		if err != nil {
			return 0, fmt.Errorf("see whether the ledger of %s changed: %w", name, err)
		}
		if !strings.Contains(key[len(prefix):], "/") { // else that of an artifact named like this channel
			n++
		}
	}
	return n, nil
}

// since is when a digest came, by the ledger; zero if it does not know.
func (r *Roots) since(digest sum) time.Time {
	if at, ok := r.times[digest]; ok {
		return time.Unix(at, 0)
	}
	return time.Time{}
}
