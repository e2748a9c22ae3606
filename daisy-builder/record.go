package daisybuilder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/internal/version"
)

// record finds the record that gives the commit its version, or makes it.
func (c Config) record(ctx context.Context) (release.Commit, error) {
	record, rebuild, found, err := c.Records.Commit(ctx, c.Commit)
	if err != nil {
		return record, err
	}
	switch {
	case !found:
		return c.claim(ctx, 0, version.Version{})
	case c.Rebuild:
		return c.anew(ctx, record, rebuild+1)
	}
	return record, c.sameTargets(record)
}

// anew claims another version for a commit that has one. A release that was only
// begun is finished as that rebuild, unless it was for other targets, of which one
// may be impossible to build, or the store holds something else under its version.
func (c Config) anew(ctx context.Context, record release.Commit, rebuild int) (release.Commit, error) {
	rel, complete, err := c.Records.Release(ctx, record.Version)
	if err != nil {
		return record, err
	}
	switch {
	case complete && rel.Commit == record.Commit:
		// It is finished first, so that its claim is not taken for a new one.
		_, err = c.finish(ctx, record)
	case complete || c.sameTargets(record) != nil:
		err = c.giveUp(ctx, record)
	default:
		_, err = version.Hold(ctx, c.Refs, record.Version, record.Commit)
		if !errors.Is(err, version.ErrTaken) {
			return record, err
		}
		err = nil // somebody removed our claim, and the number is another commit's
	}
	if err != nil {
		return record, err
	}
	return c.claim(ctx, rebuild, record.Version)
}

// giveUp drops the claim of a version that will not be released.
func (c Config) giveUp(ctx context.Context, record release.Commit) error {
	status, err := version.StatusOf(ctx, c.Refs, record.Version)
	if err != nil || status.Claim.Peeled != record.Commit {
		return err
	}
	c.Log.Infof("giving up version %s, which was begun for targets %s", record.Version, list(record.Targets))
	return version.Drop(ctx, c.Refs, version.Claimed{Version: record.Version, Ref: status.Claim})
}

// claim takes a version above another one and writes it down as the commit's. Of
// two runs of one commit the first to write wins, and the other gives its number back.
func (c Config) claim(ctx context.Context, rebuild int, above version.Version) (release.Commit, error) {
	claimed, err := version.Claim(ctx, c.Refs, version.ClaimRequest{
		Commit: c.Commit, Now: c.Now, FollowFuture: c.FollowFuture, Floor: above,
		// Keeps a number from being used twice when its tag was deleted.
		Taken:    func(ctx context.Context, v version.Version) (bool, error) { return c.Records.Taken(ctx, v, c.Commit) },
		Progress: func(message string) { c.Log.Info(message) },
	})
	if err != nil {
		return release.Commit{}, err
	}
	c.Log.Infof("claimed version %s for commit %s", claimed.Version, c.Commit)
	record, err := c.Records.CreateCommit(ctx, release.Commit{
		Repository: c.Records.Repository, Commit: c.Commit, Version: claimed.Version,
		Targets: c.Targets, Claimed: c.Now().UTC().Truncate(time.Second),
	}, rebuild)
	if err != nil {
		return record, err
	}
	if record.Version != claimed.Version {
		c.Log.Infof("another run of this commit claimed %s; joining it", record.Version)
		if err := c.giveBack(ctx, claimed); err != nil {
			return record, err
		}
	}
	return record, c.sameTargets(record)
}

// giveBack drops a claim that this run made for nothing. That another run has the
// number by now is as good.
func (c Config) giveBack(ctx context.Context, claimed version.Claimed) error {
	err := version.Drop(ctx, c.Refs, claimed)
	if err == nil {
		return nil
	}
	status, lookErr := version.StatusOf(ctx, c.Refs, claimed.Version)
	if lookErr == nil && status.Claim.Object != claimed.Ref.Object {
		return nil
	}
	return err
}

func (c Config) sameTargets(record release.Commit) error {
	if slices.Equal(record.Targets, c.Targets) {
		return nil
	}
	return fmt.Errorf("commit %s has version %s for targets %s, not %s; name the same targets, or release it anew with --rebuild",
		c.Commit, record.Version, list(record.Targets), list(c.Targets))
}

func list(targets []string) string {
	if len(targets) == 0 {
		return "(none)"
	}
	return strings.Join(targets, ",")
}
