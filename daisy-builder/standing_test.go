package daisybuilder

import (
	"errors"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/version"
)

// fail lets a release of deb12 and el9 begin, and el9 never end.
func (y *yard) fail(t *testing.T, commit string) {
	t.Helper()
	y.executor.fail = map[string]error{"el9": errors.New("no rule to make target")}
	if _, err := Create(t.Context(), y.config(commit, "deb12", "el9")); err == nil {
		t.Fatal("el9 was built")
	}
}

// A commit of which one target cannot be built can still be released without it.
func TestOtherTargetsAfterAFailure(t *testing.T) {
	y := newYard(t)
	commit := y.commit(t, "one")
	y.fail(t, commit)
	c := y.config(commit, "deb12")
	if _, err := Create(t.Context(), c); err == nil || !strings.Contains(err.Error(), "--rebuild") {
		t.Errorf("got error %v, want one that names --rebuild", err)
	}
	if _, err := Look(t.Context(), c); err == nil || !strings.Contains(err.Error(), "--rebuild") {
		t.Errorf("a preview says %v, want the same", err)
	}
	c.Rebuild = true
	seen, err := Look(t.Context(), c)
	if err != nil || seen.Already || len(seen.Done) != 0 {
		t.Errorf("a preview of the rebuild says %+v, %v", seen, err)
	}
	did := y.create(t, c)
	if v := did.Release.Version.String(); v != "20261121.01" || len(did.Release.Targets) != 1 {
		t.Errorf("got version %s with %d targets, want 20261121.01, since 00 has a target's record, with one", v, len(did.Release.Targets))
	}
	if tags, claims := y.remote.Git("tag"), y.claims(t); tags != "20261121.01" || claims != "" {
		t.Errorf("got tags %q and claims %q", tags, claims)
	}
}

// --rebuild goes on with a release that was begun for the same targets.
func TestRebuildOfABegunRelease(t *testing.T) {
	y := newYard(t)
	commit := y.commit(t, "one")
	y.fail(t, commit)
	y.executor.fail = nil
	c := y.config(commit, "deb12", "el9")
	c.Rebuild = true
	if v := y.create(t, c).Release.Version.String(); v != "20261121.00" {
		t.Errorf("got version %s, want 20261121.00 finished", v)
	}
}

// A release in the store that names another commit must not be tagged as ours.
func TestReleaseOfAnotherCommit(t *testing.T) {
	y := newYard(t)
	other, commit := y.commit(t, "other"), y.commit(t, "one")
	y.fail(t, commit)
	v, err := version.Parse("20261121.00")
	if err != nil {
		t.Fatal(err)
	}
	key := "releases/org/hello/20261121.00/release.json"
	if err := store.CreateJSON(t.Context(), y.store, key, release.Release{Version: v, Commit: other}); err != nil {
		t.Fatal(err)
	}
	y.executor.fail = nil
	c := y.config(commit, "deb12", "el9")
	_, err = Create(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), other) || !strings.Contains(err.Error(), "--rebuild") {
		t.Errorf("got error %v, want one that names commit %s and the cure", err, other)
	}
	if tags := y.remote.Git("tag"); tags != "" {
		t.Errorf("tagged all the same: %s", tags)
	}
	c.Rebuild = true
	if v := y.create(t, c).Release.Version.String(); v != "20261121.01" {
		t.Errorf("rebuilt as %s, want 20261121.01", v)
	}
}
