package daisybuilder

import (
	"context"
	"errors"
	"testing"

	"slipway.dev/slipway/internal/version"
)

// These tests are ways in which a version could be used twice: a tag or a claim that
// somebody deletes, a store that fails at the wrong moment, two runs that cross.

func first(t *testing.T) version.Version {
	t.Helper()
	v, err := version.Parse("20261121.00")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// deletedTag is a yard whose first version was released and has lost its tag.
func deletedTag(t *testing.T) *yard {
	t.Helper()
	y := newYard(t)
	y.create(t, y.config(y.commit(t, "first"), "deb12"))
	y.remote.Git("update-ref", "-d", "refs/tags/20261121.00")
	return y
}

// wantSecond releases a commit and wants it to be the version after the first.
func (y *yard) wantSecond(t *testing.T, c Config) {
	t.Helper()
	did := y.create(t, c)
	if did.Release.Commit != c.Commit || did.Release.Version.String() != "20261121.01" {
		t.Errorf("got version %s of commit %s, want 20261121.01 of %s", did.Release.Version, did.Release.Commit, c.Commit)
	}
}

func TestAdoptedClaimOfAUsedVersion(t *testing.T) {
	y := deletedTag(t)
	commit := y.commit(t, "second")
	if _, err := version.Claim(t.Context(), y.refs, version.ClaimRequest{Commit: commit, Now: y.config(commit).Now}); err != nil {
		t.Fatal(err)
	}
	y.wantSecond(t, y.config(commit, "deb12"))
}

func TestClaimOfARunWhoseStoreFailed(t *testing.T) {
	y := deletedTag(t)
	commit := y.commit(t, "second")
	_, err := version.Claim(t.Context(), y.refs, version.ClaimRequest{
		Commit: commit, Now: y.config(commit).Now,
		Taken: func(context.Context, version.Version) (bool, error) { return false, errors.New("503 from the store") },
	})
	if err == nil {
		t.Fatal("the claim did not ask the store")
	}
	y.wantSecond(t, y.config(commit, "deb12"))
}

// lostClaim is a yard with a commit whose release was begun and whose claim is gone.
func lostClaim(t *testing.T) (y *yard, commit string) {
	t.Helper()
	y = newYard(t)
	commit = y.commit(t, "first")
	y.executor.fail = map[string]error{"deb12": errors.New("flaky")}
	if _, err := Create(t.Context(), y.config(commit, "deb12")); err == nil {
		t.Fatal("a target that fails was released")
	}
	y.executor.fail = nil
	y.remote.Git("update-ref", "-d", "refs/slipway/claims/20261121.00")
	return y, commit
}

func TestNumberOfALostClaimIsAnotherCommits(t *testing.T) {
	y, commit := lostClaim(t)
	y.create(t, y.config(y.commit(t, "other"), "deb12"))
	c := y.config(commit, "deb12")
	if _, err := Create(t.Context(), c); !errors.Is(err, version.ErrTaken) {
		t.Errorf("got error %v, want version.ErrTaken", err)
	}
	c.Rebuild = true
	y.wantSecond(t, c)
}

func TestNumberOfALostClaimIsReleasedAndNotTagged(t *testing.T) {
	y, commit := lostClaim(t)
	y.remote.Hook("update", "case $1 in refs/tags/*) exit 1;; esac\n")
	if _, err := Create(t.Context(), y.config(y.commit(t, "other"), "deb12")); err == nil {
		t.Fatal("the remote did not refuse the tag")
	}
	y.remote.Hook("update", "exit 0\n")
	c := y.config(commit, "deb12")
	if _, err := Create(t.Context(), c); err == nil {
		t.Error("another commit's release was taken for ours")
	}
	y.checkInvariants(t)
	c.Rebuild = true
	y.wantSecond(t, c)
}

// A plain run that found the release incomplete a moment ago puts the old version's
// claim back while a rebuild claims: the rebuild must not adopt it.
func TestRebuildBesideALateRun(t *testing.T) {
	y := newYard(t)
	commit := y.commit(t, "first")
	y.create(t, y.config(commit, "deb12"))
	c := y.config(commit, "deb12", "goo")
	c.Rebuild = true
	c.Refs = &lateHold{Refs: y.refs, hold: func() error {
		_, err := version.Hold(t.Context(), y.refs, first(t), commit)
		return err
	}}
	y.wantSecond(t, c)
}

// lateHold calls hold before the second listing: after finish, before the claim.
type lateHold struct {
	version.Refs
	hold  func() error
	lists int
}

func (l *lateHold) List(ctx context.Context, prefixes []string) ([]version.Ref, error) {
	if l.lists++; l.lists == 2 {
		if err := l.hold(); err != nil {
			return nil, err
		}
	}
	return l.Refs.List(ctx, prefixes)
}

// A target's record and the release must not share a key, whatever the target's name.
func TestTargetNamedRelease(t *testing.T) {
	y := newYard(t)
	y.executor.fail = map[string]error{"deb12": errors.New("broken")}
	commit := y.commit(t, "first")
	for range 2 {
		if _, err := Create(t.Context(), y.config(commit, "deb12", "release")); err == nil {
			t.Error("released without deb12")
		}
	}
	if tags := y.remote.Git("tag"); tags != "" {
		t.Errorf("tagged %s though deb12 never built", tags)
	}
}
