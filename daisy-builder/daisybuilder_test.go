package daisybuilder

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"

	"slipway.dev/slipway/internal/gitrefs"
	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
	"slipway.dev/slipway/internal/testkit/gitrepo"
	"slipway.dev/slipway/internal/version"
)

// today is when every test's releases are made.
var today = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// fakeExecutor makes one package a target, whose bytes differ from run to run.
type fakeExecutor struct {
	dir  string
	fail map[string]error // by target

	mu    sync.Mutex
	built []string
}

func (f *fakeExecutor) Build(_ context.Context, target string, v version.Version) (Built, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.built = append(f.built, target)
	if err := f.fail[target]; err != nil {
		return Built{}, err
	}
	path := filepath.Join(f.dir, fmt.Sprintf("hello_%s_%s.pkg", v, target))
	if err := os.WriteFile(path, []byte(rand.Text()), 0o644); err != nil {
		return Built{}, err
	}
	return Built{Root: "fake", Artifacts: []File{{
		Path: path, Kind: release.KindPackage, Package: &release.Package{Name: "hello", Version: v.String(), Arch: target},
	}}}, nil
}

// yard is a remote, a store and an executor to release with.
type yard struct {
	remote   *gitrepo.Repo
	store    *folder.Store
	dir      string // the store's
	executor *fakeExecutor
	refs     version.Refs
}

func newYard(t testing.TB) *yard {
	t.Helper()
	remote := gitrepo.New(t)
	dir := filepath.Join(t.TempDir(), "store")
	s, err := folder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &yard{remote: remote, store: s, dir: dir, executor: &fakeExecutor{dir: t.TempDir()}, refs: gitrefs.New(remote.URL, remote.Dir)}
}

func (y *yard) config(commit string, targets ...string) Config {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return Config{
		Records:  release.Records{Store: y.store, Repository: release.Repository{Org: "org", Name: "hello", URL: y.remote.URL}},
		Refs:     y.refs,
		Executor: y.executor,
		Commit:   commit, Targets: targets,
		Now: func() time.Time { return today },
		Log: logrus.NewEntry(log),
	}
}

func (y *yard) commit(t testing.TB, text string) string {
	return y.remote.Commit(t, map[string]string{"file": text})
}

func (y *yard) create(t testing.TB, c Config) Outcome {
	t.Helper()
	did, err := Create(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	y.checkInvariants(t)
	return did
}

// checkInvariants checks 1 to 3 of docs/architecture.md: every version tag has a
// complete release in the store, of the commit that it tags.
func (y *yard) checkInvariants(t testing.TB) {
	t.Helper()
	tagged, err := version.List(t.Context(), y.refs)
	if err != nil {
		t.Fatal(err)
	}
	records := y.config("").Records
	for _, tag := range tagged {
		rel, ok, err := records.Release(t.Context(), tag.Version)
		if err != nil || !ok {
			t.Errorf("tag %s stands without its release (%v)", tag.Version, err)
			continue
		}
		if rel.Commit != tag.Ref.Peeled {
			t.Errorf("tag %s names commit %s, the release %s", tag.Version, tag.Ref.Peeled, rel.Commit)
		}
		for _, a := range rel.Artifacts() {
			checkBlob(t, y.store, a)
		}
	}
}

func checkBlob(t testing.TB, s store.Store, a release.Artifact) {
	t.Helper()
	blob, err := store.OpenBlob(t.Context(), s, strings.TrimPrefix(a.Digest, "sha256:"))
	if err == nil {
		_, err = io.Copy(io.Discard, blob)
		_ = blob.Close()
	}
	if err != nil {
		t.Errorf("artifact %s: %v", a.Name, err)
	}
}

func (y *yard) claims(t testing.TB) string {
	t.Helper()
	return y.remote.Git("for-each-ref", "--format=%(refname)", "refs/slipway")
}

func TestCreate(t *testing.T) {
	y := newYard(t)
	commit := y.commit(t, "one")
	did := y.create(t, y.config(commit, "el9", "deb12"))
	if got := did.Release.Version.String(); got != "20261121.00" || did.Already {
		t.Errorf("got version %s, already %v", got, did.Already)
	}
	if got := y.remote.Git("rev-parse", "20261121.00^{commit}"); got != commit {
		t.Errorf("the tag names %s, not the built commit %s", got, commit)
	}
	if got := y.remote.Git("cat-file", "-t", "20261121.00"); got != "tag" {
		t.Errorf("the tag is a %s, not annotated", got)
	}
	if left := y.claims(t); left != "" {
		t.Errorf("claims left: %s", left)
	}
	var names []string
	for _, a := range did.Release.Artifacts() {
		names = append(names, a.Name)
	}
	if diff := cmp.Diff([]string{"hello_20261121.00_deb12.pkg", "hello_20261121.00_el9.pkg"}, names); diff != "" {
		t.Errorf("artifacts: -want +got:\n%s", diff)
	}
}

func TestCreateAgainChangesNothing(t *testing.T) {
	y := newYard(t)
	commit := y.commit(t, "one")
	first := y.create(t, y.config(commit, "deb12"))
	before := snapshot(t, y)
	again := y.create(t, y.config(commit, "deb12"))
	if !again.Already {
		t.Error("the second run does not say that the commit is released")
	}
	if diff := cmp.Diff(first.Release, again.Release); diff != "" {
		t.Errorf("releases differ:\n%s", diff)
	}
	if diff := cmp.Diff(before, snapshot(t, y)); diff != "" {
		t.Errorf("something changed:\n%s", diff)
	}
}

func TestRebuildIsANewVersion(t *testing.T) {
	y := newYard(t)
	commit := y.commit(t, "one")
	y.create(t, y.config(commit, "deb12"))
	c := y.config(commit, "deb12", "el9")
	c.Rebuild = true
	for want := 1; want <= 2; want++ {
		if got := y.create(t, c).Release.Version.String(); got != fmt.Sprintf("20261121.%02d", want) {
			t.Errorf("rebuild %d is version %s", want, got)
		}
	}
}

// A rebuild must not take the claim that a run left behind when it died between
// its tag and the claim's removal.
func TestRebuildAfterALeftoverClaim(t *testing.T) {
	y := newYard(t)
	commit := y.commit(t, "one")
	y.create(t, y.config(commit, "deb12"))
	v, _ := version.Parse("20261121.00")
	if _, err := y.refs.Create(t.Context(), version.ClaimRef(v), version.TagObject{Commit: commit, Name: v.String()}); err != nil {
		t.Fatal(err)
	}
	c := y.config(commit, "deb12")
	c.Rebuild = true
	if got := y.create(t, c).Release.Version.String(); got != "20261121.01" {
		t.Errorf("got version %s, want 20261121.01", got)
	}
	if left := y.claims(t); left != "" {
		t.Errorf("claims left: %s", left)
	}
}

func TestOneFailingTarget(t *testing.T) {
	y := newYard(t)
	y.executor.fail = map[string]error{"el9": errors.New("no rule to make target")}
	commit := y.commit(t, "one")
	targets := []string{"deb12", "deb13", "el9", "goo"}
	_, err := Create(t.Context(), y.config(commit, targets...))
	if err == nil || !strings.Contains(err.Error(), "1 of 4 failed (el9)") || !strings.Contains(err.Error(), "no rule to make target") {
		t.Fatalf("got error %v, want one that names el9 and why", err)
	}
	if tags := y.remote.Git("tag"); tags != "" {
		t.Errorf("tagged all the same: %s", tags)
	}
	if len(y.executor.built) != 4 {
		t.Errorf("built %v, want all four tried", y.executor.built)
	}

	y.executor.fail, y.executor.built = nil, nil
	did := y.create(t, y.config(commit, targets...))
	if diff := cmp.Diff([]string{"el9"}, y.executor.built); diff != "" {
		t.Errorf("the second run builds only what failed: -want +got:\n%s", diff)
	}
	if got := did.Release.Version.String(); got != "20261121.00" || len(did.Release.Targets) != 4 {
		t.Errorf("got version %s with %d targets", got, len(did.Release.Targets))
	}
}

func TestOtherTargetsThanBefore(t *testing.T) {
	y := newYard(t)
	commit := y.commit(t, "one")
	y.create(t, y.config(commit, "deb12"))
	_, err := Create(t.Context(), y.config(commit, "deb12", "goo"))
	if err == nil || !strings.Contains(err.Error(), "--rebuild") {
		t.Errorf("got error %v, want one that names --rebuild", err)
	}
}

func TestTwoTargetsWithOneFileName(t *testing.T) {
	y := newYard(t)
	c := y.config(y.commit(t, "one"), "deb12", "deb13")
	c.Executor = sameName{t}
	_, err := Create(t.Context(), c)
	var clash *release.NameClash
	if !errors.As(err, &clash) || y.remote.Git("tag") != "" {
		t.Errorf("got error %v, want a name clash, and no tag", err)
	}
}

type sameName struct{ t *testing.T }

func (s sameName) Build(ctx context.Context, _ string, v version.Version) (Built, error) {
	return (&fakeExecutor{dir: s.t.TempDir()}).Build(ctx, "any", v)
}

func TestRemoteThatRefusesTheTag(t *testing.T) {
	y := newYard(t)
	y.remote.Hook("update", "case $1 in refs/tags/*) echo tags are closed >&2; exit 1;; esac\n")
	commit := y.commit(t, "one")
	_, err := Create(t.Context(), y.config(commit, "deb12"))
	if err == nil || !strings.Contains(err.Error(), "tags are closed") {
		t.Fatalf("got error %v, want the remote's own words", err)
	}
	y.checkInvariants(t)
	y.remote.Hook("update", "exit 0\n")
	y.executor.built = nil
	if got := y.create(t, y.config(commit, "deb12")).Release.Version.String(); got != "20261121.00" || len(y.executor.built) != 0 {
		t.Errorf("got version %s after building %v; want the release finished, nothing built", got, y.executor.built)
	}
}

func TestVersionOfADeletedTagIsNotUsedAgain(t *testing.T) {
	y := newYard(t)
	y.create(t, y.config(y.commit(t, "one"), "deb12"))
	y.remote.Git("update-ref", "-d", "refs/tags/20261121.00")
	if got := y.create(t, y.config(y.commit(t, "two"), "deb12")).Release.Version.String(); got != "20261121.01" {
		t.Errorf("got version %s, want 20261121.01", got)
	}
}

func TestTagAlone(t *testing.T) {
	y := newYard(t)
	did := y.create(t, y.config(y.commit(t, "one")))
	if did.Release.Version.String() != "20261121.00" || len(did.Release.Artifacts()) != 0 {
		t.Errorf("got %+v", did.Release)
	}
}

func TestTwoRunsOfOneCommitMakeOneRelease(t *testing.T) {
	y := newYard(t)
	commit := y.commit(t, "one")
	outcomes := make([]Outcome, 4)
	errs := make([]error, len(outcomes))
	var wait sync.WaitGroup
	for i := range outcomes {
		wait.Go(func() {
			c := y.config(commit, "deb12", "el9")
			c.Executor = &fakeExecutor{dir: t.TempDir()}
			outcomes[i], errs[i] = Create(t.Context(), c)
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes[1:] {
		if diff := cmp.Diff(outcomes[0].Release, o.Release); diff != "" {
			t.Errorf("two runs ended in different releases:\n%s", diff)
		}
	}
	y.checkInvariants(t)
	if left := y.claims(t); left != "" {
		t.Errorf("claims left: %s", left)
	}
}

func TestFiftyReleasesAtOnce(t *testing.T) {
	y := newYard(t)
	checkFifty(t, y)
}

// checkFifty releases fifty commits at once and wants fifty gapless versions.
func checkFifty(t *testing.T, y *yard) {
	const n = 50
	commits := make([]string, n)
	for i := range commits {
		commits[i] = y.commit(t, fmt.Sprint(i))
	}
	versions := make([]string, n)
	errs := make([]error, n)
	var wait sync.WaitGroup
	for i, commit := range commits {
		wait.Go(func() {
			var did Outcome
			did, errs[i] = Create(t.Context(), y.config(commit, "deb12", "el9"))
			versions[i] = did.Release.Version.String()
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	slices.Sort(versions)
	for i, v := range versions {
		if want := fmt.Sprintf("20261121.%02d", i); v != want {
			t.Fatalf("version %d is %s, want %s: they are not distinct and gapless: %v", i, v, want, versions)
		}
	}
	y.checkInvariants(t)
	if left := y.claims(t); left != "" {
		t.Errorf("claims left: %s", left)
	}
}

// snapshot is every file of the store and every ref, with its content.
func snapshot(t testing.TB, y *yard) map[string]string {
	t.Helper()
	seen := map[string]string{"refs": y.remote.Git("for-each-ref")}
	for key, err := range y.store.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		body, err := y.store.Open(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(body)
		_ = body.Close()
		if err != nil {
			t.Fatal(err)
		}
		seen[key] = string(data)
	}
	return seen
}
