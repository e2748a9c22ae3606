package retention

import (
	"context"
	"crypto/rand"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/store"
)

// memory is what earlier looks and runs wrote down of a repository. A manifest never
// changes, so what it leads to needs no second request; and when it was first seen is
// the age of one that has no other record.
type memory struct {
	seen    map[sum]seen
	deleted map[sum]int64 // when it was last deleted, in seconds since 1970
	left    []sum         // what runs that did not finish were to delete

	unfinished []string // their folders

	fresh []seenEntry // what this look is the first to see
}

type seen struct {
	facts
	first int64 // since it was last deleted; 0 is never
}

// seenFile is one file of seen/.
type seenFile struct {
	Time      time.Time   `json:"time"`
	Manifests []seenEntry `json:"manifests"`
}

type seenEntry struct {
	Digest sum `json:"digest"`
	facts
}

// deletedFile is one deleted-<n>.json of a run.
type deletedFile struct {
	Time    time.Time `json:"time"`
	Digests []sum     `json:"digests"`
}

const (
	planName     = "plan.json"
	finishedName = "finished.json"
)

// perFile bounds what is held of a file while it is read or written.
const perFile = 1000

// recall reads the memory of a repository.
func recall(ctx context.Context, s store.Store, repository string) (*memory, error) {
	m := &memory{seen: map[sum]seen{}, deleted: map[sum]int64{}}
	runs, seen, err := m.list(ctx, s, repository)
	if err == nil {
		err = m.readRuns(ctx, s, runs)
	}
	if err == nil {
		err = m.readSeen(ctx, s, seen)
	}
	if err != nil {
		return nil, fmt.Errorf("read what was seen of %s: %w", repository, err)
	}
	return m, nil
}

// list finds the files of every run, by the run's folder, and those of seen/.
func (m *memory) list(ctx context.Context, s store.Store, repository string) (runs map[string][]string, seen []string, err error) {
	runs = map[string][]string{}
	for key, err := range s.List(ctx, folderOf(repository)) {
		if err != nil {
			return nil, nil, err
		}
		rest := strings.TrimPrefix(key, folderOf(repository))
		switch {
		case strings.HasPrefix(rest, "seen/"):
			seen = append(seen, key)
		case strings.HasPrefix(rest, "runs/"):
			runs[path.Dir(key)] = append(runs[path.Dir(key)], path.Base(key))
		}
	}
	return runs, seen, nil
}

func (m *memory) readRuns(ctx context.Context, s store.Store, runs map[string][]string) error {
	for run, names := range runs {
		finished := false
		for _, name := range names {
			finished = finished || name == finishedName
			if !strings.HasPrefix(name, "deleted-") {
				continue
			}
			var file deletedFile
			if err := store.ReadJSON(ctx, s, path.Join(run, name), &file); err != nil {
				return err
			}
			for _, digest := range file.Digests {
				m.deleted[digest] = max(m.deleted[digest], file.Time.Unix())
			}
		}
		if err := m.readLeft(ctx, s, run, finished); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) readLeft(ctx context.Context, s store.Store, run string, finished bool) error {
	if finished {
		return nil
	}
	var file Plan
	if err := store.ReadJSON(ctx, s, path.Join(run, planName), &file); err != nil {
		return err
	}
	m.unfinished = append(m.unfinished, run)
	for _, d := range file.Delete {
		digest, err := parseSum(d.Digest)
		if err != nil {
			return err
		}
		m.left = append(m.left, digest)
	}
	return nil
}

// readSeen reads a few files at a time, each of which is small.
func (m *memory) readSeen(ctx context.Context, s store.Store, keys []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	var mu sync.Mutex
	for _, key := range keys {
		group.Go(func() error {
			var file seenFile
			if err := store.ReadJSON(ctx, s, key, &file); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for _, entry := range file.Manifests {
				m.learn(entry, file.Time.Unix())
			}
			return nil
		})
	}
	return group.Wait()
}

// learn takes an entry in, in any order. A time before the last deletion is that of
// an earlier life.
func (m *memory) learn(entry seenEntry, at int64) {
	known := seen{facts: entry.facts, first: m.seen[entry.Digest].first}
	if at > m.deleted[entry.Digest] && (known.first == 0 || at < known.first) {
		known.first = at
	}
	m.seen[entry.Digest] = known
}

// facts are those of a manifest that was seen before.
func (m *memory) facts(digest sum) (facts, bool) {
	known, ok := m.seen[digest]
	return known.facts, ok
}

// note takes down a manifest that this look is the first to see since it came.
func (m *memory) note(digest sum, f facts) {
	if m.seen[digest].first == 0 {
		m.fresh = append(m.fresh, seenEntry{digest, f})
	}
}

// record writes down what this look was the first to see, at the time now.
func (m *memory) record(ctx context.Context, s store.Store, repository string, now time.Time) error {
	for ; len(m.fresh) > 0; m.fresh = m.fresh[min(perFile, len(m.fresh)):] {
		part := m.fresh[:min(perFile, len(m.fresh))]
		key := folderOf(repository) + "seen/" + stamp(now) + ".json"
		if err := store.CreateJSON(ctx, s, key, seenFile{now.UTC(), part}); err != nil {
			return fmt.Errorf("write down what was seen of %s: %w", repository, err)
		}
	}
	return nil
}

// stamp is a name that sorts by time and that nobody else takes.
func stamp(now time.Time) string {
	return now.UTC().Format("20060102T150405Z") + "-" + rand.Text()[:10]
}
