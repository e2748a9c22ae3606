package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/store"
)

// Run is a run of retention that wrote down what it was about to delete.
type Run struct {
	Name     string   `json:"run"`     // begins with its time
	Saved    int      `json:"saved"`   // manifests that it wrote down
	Deleted  int      `json:"deleted"` // of them, as far as it could say so
	Finished bool     `json:"finished"`
	Damaged  []Damage `json:"damaged,omitempty"`

	folder  string
	deleted map[sum]bool
	entries []entry
}

// Damage is what is not as a run wrote it. It is never put back.
type Damage struct {
	File   string `json:"file"`
	Digest string `json:"digest,omitempty"` // of one manifest in it; empty is all of the file
	Why    string `json:"why"`
}

// entry is a manifest that a run wrote down. Its bytes stay in the store until they
// are needed: the entries of all runs have to fit in memory.
type entry struct {
	Saved
	run   *Run
	key   string // of the inventory
	facts facts  // without children that are mere blobs
}

// archive is what runs wrote down of a repository before they deleted from it.
type archive struct {
	repository string
	runs       []*Run          // oldest first
	saved      map[sum][]entry // oldest first
}

// Runs are those that wrote something down of a repository, oldest first.
func (p *Planner) Runs(ctx context.Context, repository string) ([]*Run, error) {
	a, err := p.archive(ctx, repository)
	if err != nil {
		return nil, err
	}
	return a.runs, nil
}

func (p *Planner) archive(ctx context.Context, repository string) (*archive, error) {
	defer progress.Watch(10*time.Second, "reading what was deleted from "+repository, p.say)()
	files, _, err := new(memory).list(ctx, p.Store, repository)
	if err != nil {
		return nil, fmt.Errorf("list what was deleted from %s: %w", repository, err)
	}
	folders := slices.Sorted(maps.Keys(files))
	runs := make([]*Run, len(folders))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, folder := range folders {
		group.Go(func() (err error) {
			runs[i], err = runReader{p.Store, repository}.read(inner, folder, files[folder])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("read what was deleted from %s: %w", repository, err)
	}
	a := &archive{repository: repository, saved: map[sum][]entry{}}
	for _, run := range runs {
		a.add(run)
	}
	return a, nil
}

// add takes a run in, if it wrote anything down.
func (a *archive) add(run *Run) {
	if run.Saved == 0 && len(run.Damaged) == 0 {
		return
	}
	a.runs = append(a.runs, run)
	for _, e := range run.entries {
		digest, _ := parseSum(e.Digest) // which was checked
		a.saved[digest] = append(a.saved[digest], e)
	}
	run.entries = nil
}

// runReader reads runs from the store.
type runReader struct {
	store      store.Store
	repository string
}

// read reads a run's files, and sets apart what is not as the run wrote it.
func (r runReader) read(ctx context.Context, folder string, names []string) (*Run, error) {
	run := &Run{Name: path.Base(folder), folder: folder, deleted: map[sum]bool{}}
	isInventory := func(name string) bool { return strings.HasPrefix(name, "inventory-") }
	if !slices.ContainsFunc(names, isInventory) {
		return run, nil
	}
	var plan Plan
	ok, err := r.file(ctx, run, planName, &plan)
	if err != nil || !ok {
		return run, err
	}
	if plan.Repository != r.repository || plan.hash() != plan.Hash {
		run.damage(r.store.URL(path.Join(folder, planName)), "", "it is not the plan whose hash it holds")
		return run, nil
	}
	tags := make(map[string][]string, len(plan.Delete))
	for _, d := range plan.Delete {
		tags[d.Digest] = d.Tags
	}
	for _, name := range names {
		switch {
		case isInventory(name):
			err = r.inventory(ctx, run, name, tags)
		case strings.HasPrefix(name, "deleted-"):
			err = r.deleted(ctx, run, name)
		}
		if err != nil {
			return nil, err
		}
		run.Finished = run.Finished || name == finishedName
	}
	run.Deleted = len(run.deleted)
	return run, nil
}

// file reads one file of a run; one that says nothing is damage, and not ok.
func (r runReader) file(ctx context.Context, run *Run, name string, into any) (ok bool, err error) {
	key := path.Join(run.folder, name)
	body, err := r.store.Open(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		run.damage(r.store.URL(key), "", "it is not there")
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(body)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", r.store.URL(key), err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		run.damage(r.store.URL(key), "", err.Error())
		return false, nil
	}
	return true, nil
}

func (run *Run) damage(file, digest, why string) {
	run.Damaged = append(run.Damaged, Damage{file, digest, why})
}

func (r runReader) deleted(ctx context.Context, run *Run, name string) error {
	var file deletedFile
	_, err := r.file(ctx, run, name, &file)
	for _, digest := range file.Digests {
		run.deleted[digest] = true
	}
	return err
}

// inventory reads a part of what a run wrote down; tags are those that its plan names.
func (r runReader) inventory(ctx context.Context, run *Run, name string, tags map[string][]string) error {
	var file SavedFile
	ok, err := r.file(ctx, run, name, &file)
	if err != nil || !ok {
		return err
	}
	key := path.Join(run.folder, name)
	if file.Repository != r.repository {
		run.damage(r.store.URL(key), "", fmt.Sprintf("it is of the repository %q", file.Repository))
		return nil
	}
	for _, saved := range file.Manifests {
		planned, isPlanned := tags[saved.Digest]
		facts, err := saved.check()
		switch {
		case err != nil:
			run.damage(r.store.URL(key), saved.Digest, err.Error())
			continue
		case !isPlanned || !slices.Equal(planned, saved.Tags):
			run.damage(r.store.URL(key), saved.Digest, fmt.Sprintf("its tags are %v, and the run's plan has it with %v", saved.Tags, planned))
			continue
		}
		saved.Raw = nil
		run.Saved++
		run.entries = append(run.entries, entry{saved, run, key, facts})
	}
	return nil
}
