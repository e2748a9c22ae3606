package retention

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/internal/store"
)

var (
	commitHash   = regexp.MustCompile(`^[0-9a-f]{40}$`)
	commitRecord = regexp.MustCompile(`^([0-9a-f]{40})(\.rebuild-[0-9]+)?\.json$`)
)

// date says of every tagged manifest when it came: by the ledger, else by the release
// of the commit that it is tagged with, else by the first look that saw it, else now.
// A time before it was last deleted is that of an earlier life: it was put back since.
func date(ctx context.Context, s store.Store, inv *Inventory, roots *Roots, m *memory, now time.Time) error {
	commits := map[string]int32{}
	for i := range inv.nodes {
		n := &inv.nodes[i]
		if len(n.tags) == 0 {
			continue
		}
		n.since = now.Unix()
		if first := m.seen[n.digest].first; first > 0 {
			n.since = first
		}
		if at := roots.since(n.digest); at.Unix() > m.deleted[n.digest] {
			n.since = at.Unix()
			continue
		}
		for _, tag := range n.tags {
			if commitHash.MatchString(tag) {
				commits[tag] = int32(i)
			}
		}
	}
	times, err := claims(ctx, s, commits)
	for commit, at := range times {
		if n := &inv.nodes[commits[commit]]; at > m.deleted[n.digest] {
			n.since = at
		}
	}
	return err
}

// claims is when each of the commits that have a record was claimed a version, the
// last time; whose repository it is does not matter, for no two share a commit's hash.
func claims(ctx context.Context, s store.Store, commits map[string]int32) (map[string]int64, error) {
	times := map[string]int64{}
	if len(commits) == 0 {
		return times, nil
	}
	var mu sync.Mutex
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for key, err := range s.List(ctx, "commits/") {
		if err != nil {
			return nil, fmt.Errorf("list the commits' records: %w", err)
		}
		match := commitRecord.FindStringSubmatch(path.Base(key))
		if match == nil {
			continue
		}
		commit := strings.Clone(match[1])
		if _, wanted := commits[commit]; !wanted {
			continue
		}
		group.Go(func() error {
			var record release.Commit
			if err := store.ReadJSON(inner, s, key, &record); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			times[commit] = max(times[commit], record.Claimed.Unix())
			return nil
		})
	}
	return times, group.Wait()
}
