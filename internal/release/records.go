package release

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/version"
)

// Records reads and creates one repository's records in a store.
type Records struct {
	Store      store.Store
	Repository Repository
}

func (r Records) commitKey(commit string, rebuild int) string {
	name := commit + ".json"
	if rebuild > 0 {
		name = fmt.Sprintf("%s.rebuild-%d.json", commit, rebuild)
	}
	return path.Join("commits", r.Repository.Org, r.Repository.Name, name)
}

func (r Records) versionKey(v version.Version, name string) string {
	return path.Join("releases", r.Repository.Org, r.Repository.Name, v.String(), name)
}

const releaseFile = "release.json"

// Commit reads the newest record of a commit, and how many rebuilds it is; ok is
// false if there is none.
func (r Records) Commit(ctx context.Context, commit string) (newest Commit, rebuild int, ok bool, err error) {
	for n := 0; ; n++ {
		var next Commit
		err := store.ReadJSON(ctx, r.Store, r.commitKey(commit, n), &next)
		if errors.Is(err, store.ErrNotFound) {
			return newest, n - 1, n > 0, nil
		}
		if err != nil {
			return Commit{}, 0, false, err
		}
		newest = next
	}
}

// CreateCommit creates a commit's record, and returns the one that stands: that
// of another run if it was quicker.
func (r Records) CreateCommit(ctx context.Context, c Commit, rebuild int) (Commit, error) {
	return createOrAdopt(ctx, r.Store, r.commitKey(c.Commit, rebuild), c)
}

// Target reads a target's record of a version; ok is false if there is none.
func (r Records) Target(ctx context.Context, v version.Version, name string) (t Target, ok bool, err error) {
	ok, err = read(ctx, r.Store, r.versionKey(v, "targets/"+name+".json"), &t)
	return t, ok, err
}

// CreateTarget creates a target's record, whose artifacts must be uploaded, and
// returns the one that stands.
func (r Records) CreateTarget(ctx context.Context, v version.Version, t Target) (Target, error) {
	return createOrAdopt(ctx, r.Store, r.versionKey(v, "targets/"+t.Name+".json"), t)
}

// Release reads a version's release; ok is false if it is not complete.
func (r Records) Release(ctx context.Context, v version.Version) (rel Release, ok bool, err error) {
	ok, err = read(ctx, r.Store, r.versionKey(v, releaseFile), &rel)
	return rel, ok, err
}

// CreateRelease commits a release. The same release again is no error; another
// one under the version is, for a release is never changed.
func (r Records) CreateRelease(ctx context.Context, rel Release) error {
	return store.CreateJSON(ctx, r.Store, r.versionKey(rel.Version, releaseFile), rel)
}

// Taken says whether commit may not have the version: a release stands under it,
// or a record of another commit. Records of its own are a build under way.
func (r Records) Taken(ctx context.Context, v version.Version, commit string) (bool, error) {
	for key, err := range r.Store.List(ctx, r.versionKey(v, "")+"/") {
		var of struct{ Commit string }
		if err == nil {
			err = store.ReadJSON(ctx, r.Store, key, &of)
		}
		if err != nil || of.Commit != commit || path.Base(key) == releaseFile {
			return err == nil, err
		}
	}
	return false, nil
}

// Versions lists the complete releases' versions, oldest first.
func (r Records) Versions(ctx context.Context) ([]version.Version, error) {
	prefix := path.Join("releases", r.Repository.Org, r.Repository.Name) + "/"
	var versions []version.Version
	for key, err := range r.Store.List(ctx, prefix) {
		if err != nil {
			return nil, fmt.Errorf("list releases of %s: %w", r.Repository, err)
		}
		name, isRelease := strings.CutSuffix(strings.TrimPrefix(key, prefix), "/"+releaseFile)
		if v, err := version.Parse(name); isRelease && err == nil {
			versions = append(versions, v)
		}
	}
	slices.SortFunc(versions, version.Version.Compare)
	return versions, nil
}

func read(ctx context.Context, s store.Store, key string, into any) (bool, error) {
	err := store.ReadJSON(ctx, s, key, into)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// createOrAdopt creates a record, or reads the one that another run created.
func createOrAdopt[T any](ctx context.Context, s store.Store, key string, record T) (T, error) {
	err := store.CreateJSON(ctx, s, key, record)
	if !errors.Is(err, store.ErrConflict) {
		return record, err
	}
	var standing T
	if err := store.ReadJSON(ctx, s, key, &standing); err != nil {
		return record, fmt.Errorf("adopt %s: %w", key, err)
	}
	return standing, nil
}
