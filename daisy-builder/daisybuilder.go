// Package daisybuilder makes a release of one commit: claim a version, build
// every target, verify, upload, write the release, tag the built commit.
//
// Each step leaves a record that is created once, and begins by reading it. A
// run that was killed is therefore finished by the next one, wherever it stopped,
// and two runs of one commit end in the same release. A version's tag appears
// last, so it exists only if its release is complete in the store.
package daisybuilder

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"slipway.dev/slipway/internal/each"
	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/internal/version"
)

// Executor builds targets somewhere: on this machine, in pods, on Daisy.
type Executor interface {
	// Build builds the target and checks what came out. The artifacts' files
	// lie in the folder that the executor was given.
	Build(ctx context.Context, target string, v version.Version) (Built, error)
}

// Built is what an executor made of one target.
type Built struct {
	Root      string   // what it was built in
	Notes     []string // what a reader of the release should know
	Artifacts []File
}

// File is an artifact that lies on this machine.
type File struct {
	Path    string
	Kind    release.Kind
	Package *release.Package
}

// Config is what a release is made of.
type Config struct {
	Records  release.Records
	Refs     version.Refs
	Executor Executor
	Commit   string   // full hash of a merged commit
	Targets  []string // none makes a release that is a tag alone
	Rebuild  bool     // release a commit again that has a release already
	Now      func() time.Time
	// FollowFuture numbers after a tag that is dated after today instead of refusing.
	FollowFuture bool
	Log          *logrus.Entry
}

// Outcome says what Create did.
type Outcome struct {
	Release release.Release
	Already bool // the commit was released before; nothing changed
}

// Create makes the release, or finishes one that was begun.
func Create(ctx context.Context, c Config) (Outcome, error) {
	slices.Sort(c.Targets)
	record, err := c.record(ctx)
	if err != nil {
		return Outcome{}, err
	}
	c.Log = c.Log.WithField("version", record.Version)
	rel, complete, err := c.Records.Release(ctx, record.Version)
	if err != nil {
		return Outcome{}, err
	}
	if complete && rel.Commit != c.Commit {
		return Outcome{}, fmt.Errorf("version %s of commit %s: %w: the store has its release of %s; nothing was tagged; release the commit anew with --rebuild",
			record.Version, c.Commit, version.ErrTaken, rel.Commit)
	}
	if complete {
		changed, err := c.finish(ctx, record)
		return Outcome{Release: rel, Already: !changed}, err
	}
	if _, err := version.Hold(ctx, c.Refs, record.Version, c.Commit); err != nil {
		return Outcome{}, err
	}
	if rel, err = c.complete(ctx, record); err != nil {
		return Outcome{}, err
	}
	_, err = c.finish(ctx, record)
	return Outcome{Release: rel}, err
}

// complete builds what is not built and writes the release.
func (c Config) complete(ctx context.Context, record release.Commit) (release.Release, error) {
	targets, err := c.buildAll(ctx, record)
	if err != nil {
		return release.Release{}, err
	}
	rel, err := release.Assemble(record, targets)
	if err != nil {
		return release.Release{}, err
	}
	if err := c.Records.CreateRelease(ctx, rel); err != nil {
		return release.Release{}, fmt.Errorf("write release %s of %s: %w", rel.Version, rel.Repository, err)
	}
	c.Log.Infof("release %s is complete in the store: %d artifacts", rel.Version, len(rel.Artifacts()))
	return rel, nil
}

// finish tags the commit of a complete release and drops its claim. changed
// says whether there was anything left to do.
func (c Config) finish(ctx context.Context, record release.Commit) (changed bool, err error) {
	status, err := version.StatusOf(ctx, c.Refs, record.Version)
	if err != nil {
		return false, err
	}
	if status.Tag.Peeled != record.Commit {
		message := fmt.Sprintf("Release %s of %s\n\nTargets: %s\n", record.Version, record.Repository.Name, list(record.Targets))
		if err := version.Tag(ctx, c.Refs, record.Version, record.Commit, message); err != nil {
			return false, err
		}
		c.Log.Infof("tagged commit %s as %s", record.Commit, record.Version)
		changed = true
	}
	if status.Claim.Peeled != record.Commit {
		return changed, nil
	}
	return true, version.Drop(ctx, c.Refs, version.Claimed{Version: record.Version, Ref: status.Claim})
}

// buildAll builds the targets side by side. One that fails does not stop the
// others; their records stay, and the next run builds only what is missing.
func (c Config) buildAll(ctx context.Context, record release.Commit) ([]release.Target, error) {
	targets := make([]release.Target, len(record.Targets))
	err := each.Do(record.Targets, func(i int, name string) (err error) {
		targets[i], err = c.buildOne(ctx, record, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("release %s: nothing was tagged; a new run builds only what failed: %w", record.Version, err)
	}
	return targets, nil
}

func (c Config) buildOne(ctx context.Context, record release.Commit, name string) (release.Target, error) {
	log := c.Log.WithField("target", name)
	done, ok, err := c.Records.Target(ctx, record.Version, name)
	if err != nil {
		return release.Target{}, err
	}
	if ok {
		log.Infof("%s: built before, %d artifacts", name, len(done.Artifacts))
		return done, nil
	}
	built, err := c.Executor.Build(ctx, name, record.Version)
	if err != nil {
		return release.Target{}, err
	}
	artifacts, err := c.upload(ctx, built.Artifacts)
	if err != nil {
		return release.Target{}, err
	}
	log.Infof("%s: uploaded %d artifacts", name, len(artifacts))
	return c.Records.CreateTarget(ctx, record.Version, release.Target{
		Name: name, Commit: record.Commit, Root: built.Root, Notes: built.Notes, Artifacts: artifacts,
	})
}
