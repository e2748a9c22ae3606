package version_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/gitrefs"
	"slipway.dev/slipway/internal/testkit/gitrepo"
	"slipway.dev/slipway/internal/version"
)

const today = "20261121"

func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// newRemote is a repository with one commit, and its refs.
func newRemote(t *testing.T) (*gitrepo.Repo, *gitrefs.Remote, string) {
	t.Helper()
	repo := gitrepo.New(t)
	sha := repo.Commit(t, map[string]string{"README": "hello"})
	return repo, gitrefs.New(repo.URL, repo.Dir), sha
}

func request(commit string) version.ClaimRequest {
	return version.ClaimRequest{Commit: commit, Now: noon}
}

func mustClaim(t *testing.T, refs version.Refs, req version.ClaimRequest) version.Claimed {
	t.Helper()
	got, err := version.Claim(testContext(t), refs, req)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// release claims, tags and drops the claim, as a whole run does.
func release(ctx context.Context, refs version.Refs, commit string) (version.Version, error) {
	claimed, err := version.Claim(ctx, refs, request(commit))
	if err != nil {
		return version.Version{}, err
	}
	if err := version.Tag(ctx, refs, claimed.Version, commit, "Release"); err != nil {
		return version.Version{}, err
	}
	return claimed.Version, version.Drop(ctx, refs, claimed)
}

// TestManyReleasesAtOnce is the invariant: any number of runs at the same time get
// distinct numbers without gaps, and none fails because of another.
func TestManyReleasesAtOnce(t *testing.T) {
	const runs = 50
	repo := gitrepo.New(t)
	commits := make([]string, runs)
	for i := range commits {
		commits[i] = repo.Commit(t, map[string]string{"n": fmt.Sprint(i)})
	}
	work := t.TempDir()
	repo.Git("clone", "--quiet", "--bare", repo.Dir, work)
	ctx := testContext(t)
	start := time.Now()
	var group sync.WaitGroup
	for i, commit := range commits {
		group.Go(func() {
			if _, err := release(ctx, gitrefs.New(repo.URL, work), commit); err != nil {
				t.Errorf("run %d: %v", i, err)
			}
		})
	}
	group.Wait()
	t.Logf("%d releases in %v", runs, time.Since(start))
	var want []string
	for i := range runs {
		want = append(want, fmt.Sprintf("refs/tags/%s.%02d", today, i))
	}
	got := strings.Fields(repo.Git("for-each-ref", "--format=%(refname)", "refs/tags", "refs/slipway"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("refs (-want +got):\n%s", diff)
	}
	tagged := strings.Fields(repo.Git("for-each-ref", "--format=%(*objectname)", "refs/tags"))
	slices.Sort(tagged)
	slices.Sort(commits)
	if diff := cmp.Diff(commits, tagged); diff != "" {
		t.Errorf("tagged commits (-want +got):\n%s", diff)
	}
}

// TestOneCommitRaces has many runs for one commit settle on one version.
func TestOneCommitRaces(t *testing.T) {
	repo, refs, sha := newRemote(t)
	ctx := testContext(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			got, err := version.Claim(ctx, refs, request(sha))
			if err != nil || got.Version.String() != today+".00" {
				t.Errorf("Claim = %v, %v", got, err)
			}
		})
	}
	group.Wait()
	if got := repo.Git("for-each-ref", "--format=%(refname)", "refs/slipway"); got != "refs/slipway/claims/"+today+".00" {
		t.Errorf("claims: %s", got)
	}
}

func TestClaimNumbers(t *testing.T) {
	tests := []struct {
		name string
		tags []string // annotated where they begin with *
		want string
	}{
		{"first", nil, ".00"},
		{"other kinds of tags", []string{"20200101.1", "stable", "*stable-20230101", "v1.2", "20261301.9", "20261121", "20261121.x"}, ".00"},
		{"lightweight and annotated", []string{"20261121.00", "*20261121.01"}, ".02"},
		{"short number", []string{"20261121.3"}, ".04"},
		{"hundred", []string{"20261121.99", "20261121.100"}, ".101"},
		{"25 on one commit", twentyFive(), ".25"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			repo, refs, sha := newRemote(t)
			for _, tag := range test.tags {
				name, annotated := strings.CutPrefix(tag, "*")
				message := ""
				if annotated {
					message = "annotated"
				}
				repo.Tag(name, sha, message)
			}
			if got, err := version.Peek(testContext(t), refs, request(sha)); got.String() != today+test.want || err != nil {
				t.Errorf("Peek = %v, %v; want %s", got, err, test.want)
			}
			got := mustClaim(t, refs, request(sha))
			if want := today + test.want; got.Version.String() != want || got.Adopted {
				t.Errorf("claimed %v (adopted %v), want %s", got.Version, got.Adopted, want)
			}
			if at := repo.Ref(version.ClaimRef(got.Version)); at != sha {
				t.Errorf("the claim names %s, want %s", at, sha)
			}
		})
	}
}

func twentyFive() []string {
	var tags []string
	for i := range 25 {
		tags = append(tags, fmt.Sprintf("*%s.%02d", today, i))
	}
	return tags
}

func TestAdopt(t *testing.T) {
	repo, refs, sha := newRemote(t)
	other := repo.Commit(t, map[string]string{"a": "b"})
	first := mustClaim(t, refs, request(sha))
	second := mustClaim(t, refs, request(other))
	again := mustClaim(t, refs, request(sha))
	if again.Version != first.Version || !again.Adopted || again.Ref.Object != first.Ref.Object {
		t.Errorf("claimed %+v, want %+v adopted", again, first)
	}
	if second.Version.String() != today+".01" {
		t.Errorf("other commit got %v", second.Version)
	}
	// Yesterday's claim is lower, so it is the one that is resumed.
	repo.Git("update-ref", "refs/slipway/claims/20261120.07", first.Ref.Object)
	if got := mustClaim(t, refs, request(sha)).Version.String(); got != "20261120.07" {
		t.Errorf("claimed %s, want yesterday's 20261120.07", got)
	}
	// The run died between its tag and the end of its claim.
	repo.Tag("20261120.07", sha, "done")
	if got := mustClaim(t, refs, request(sha)); got.Version.String() != "20261120.07" || !got.Adopted {
		t.Errorf("claimed %+v, want 20261120.07 adopted", got)
	}
	// A claim whose number is the tag of another commit is worth nothing.
	repo.Git("tag", "-f", "20261120.07", other)
	if got := mustClaim(t, refs, request(sha)); got.Version != first.Version {
		t.Errorf("claimed %v, want %v", got.Version, first.Version)
	}
	if repo.Ref("refs/slipway/claims/20261120.07") != "" {
		t.Error("the worthless claim stands")
	}
}

func TestFuture(t *testing.T) {
	for _, ref := range []string{"refs/tags/20261122.00", "refs/tags/20270101.1", "refs/slipway/claims/20261122.00", "refs/tags/29991231.00"} {
		t.Run(ref, func(t *testing.T) {
			repo, refs, sha := newRemote(t)
			repo.Git("update-ref", ref, repo.Commit(t, map[string]string{"a": "b"}))
			_, err := version.Claim(testContext(t), refs, request(sha))
			if !errors.Is(err, version.ErrFuture) {
				t.Fatalf("error %v, want ErrFuture", err)
			}
			for _, want := range []string{ref, today, "clock", "--follow-future"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if got := repo.Git("for-each-ref", "--format=%(objectname)", "--points-at="+sha, "refs/slipway"); got != "" {
				t.Error("a refused run left a claim")
			}
			req := request(sha)
			req.FollowFuture = true
			taken := ref[strings.LastIndex(ref, "/")+1:]
			want := version.Next(mustTime(t, taken[:8]), []version.Version{mustParse(t, taken)})
			if got := mustClaim(t, refs, req).Version; got != want {
				t.Errorf("followed to %v, want %v", got, want)
			}
		})
	}
}

func mustParse(t *testing.T, s string) version.Version {
	t.Helper()
	v, err := version.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mustTime(t *testing.T, day string) time.Time {
	t.Helper()
	at, err := time.Parse("20060102", day)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestMidnight lets a machine whose clock is a little behind go along with one
// that is in tomorrow already.
func TestMidnight(t *testing.T) {
	repo, refs, sha := newRemote(t)
	repo.Tag("20261122.00", sha, "")
	req := request(sha)
	req.Now = func() time.Time { return time.Date(2026, 11, 21, 23, 58, 0, 0, time.UTC) }
	if got := mustClaim(t, refs, req).Version.String(); got != "20261122.01" {
		t.Errorf("claimed %s, want 20261122.01", got)
	}
}

func TestFloorAndTaken(t *testing.T) {
	_, refs, sha := newRemote(t)
	req := request(sha)
	req.Floor = mustParse(t, today+".04")
	req.Taken = func(_ context.Context, v version.Version) (bool, error) { return v.Number < 7, nil }
	if got := mustClaim(t, refs, req).Version.String(); got != today+".07" {
		t.Errorf("claimed %s, want %s.07", got, today)
	}
	req.Floor = mustParse(t, "20261201.00")
	if _, err := version.Claim(testContext(t), refs, req); !errors.Is(err, version.ErrFuture) {
		t.Errorf("a floor of tomorrow: %v, want ErrFuture", err)
	}
}

// lateTag is a repository in which, between a listing and the first claim, another
// run tags the number that is about to be claimed and drops its own claim.
type lateTag struct {
	version.Refs
	once sync.Once
	tag  func()
}

func (l *lateTag) Create(ctx context.Context, name string, tag version.TagObject) (string, error) {
	l.once.Do(l.tag)
	return l.Refs.Create(ctx, name, tag)
}

func TestTagAppearsBetweenListAndClaim(t *testing.T) {
	for _, name := range []string{today + ".00", today + ".0"} {
		repo, refs, sha := newRemote(t)
		late := &lateTag{Refs: refs, tag: func() { repo.Tag(name, sha, "") }}
		got := mustClaim(t, late, request(sha))
		if got.Version.String() != today+".01" {
			t.Errorf("claimed %v, which is tagged as %s; want .01", got.Version, name)
		}
		if repo.Ref("refs/slipway/claims/"+today+".00") != "" {
			t.Error("the claim of the lost number stands")
		}
	}
}

func TestTag(t *testing.T) {
	repo, refs, sha := newRemote(t)
	other := repo.Commit(t, map[string]string{"a": "b"})
	ctx := testContext(t)
	v := mustParse(t, today+".00")
	for range 2 { // the second finds it as it should be
		if err := version.Tag(ctx, refs, v, sha, "Release"); err != nil {
			t.Fatal(err)
		}
	}
	if got := repo.Git("cat-file", "-t", "refs/tags/"+v.String()); got != "tag" || repo.Ref("refs/tags/"+v.String()) != sha {
		t.Errorf("the tag is a %s", got)
	}
	err := version.Tag(ctx, refs, v, other, "Release")
	if err == nil || !strings.Contains(err.Error(), sha) || !strings.Contains(err.Error(), other) {
		t.Errorf("error %v, want one that names both commits", err)
	}
	if err := version.Tag(ctx, refs, v, "main", "Release"); err == nil {
		t.Error("a moving name was tagged")
	}
}

func TestRefusedTag(t *testing.T) {
	repo, refs, sha := newRemote(t)
	repo.Hook("update", `case $1 in refs/tags/*) echo "tags are frozen" >&2; exit 1;; esac`)
	claimed := mustClaim(t, refs, request(sha))
	err := version.Tag(testContext(t), refs, claimed.Version, sha, "Release")
	if err == nil || !strings.Contains(err.Error(), "tags are frozen") {
		t.Errorf("error %v, want the remote's words", err)
	}
	t.Log(err)
}

func TestDropTwice(t *testing.T) {
	_, refs, sha := newRemote(t)
	claimed := mustClaim(t, refs, request(sha))
	for range 2 {
		if err := version.Drop(testContext(t), refs, claimed); err != nil {
			t.Error(err)
		}
	}
}

func TestList(t *testing.T) {
	repo, refs, sha := newRemote(t)
	for _, name := range []string{"20261121.100", "20261121.99", "20200101.1", "stable"} {
		repo.Tag(name, sha, "")
	}
	tagged, err := version.List(testContext(t), refs)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tag := range tagged {
		got = append(got, tag.Ref.Name)
	}
	want := []string{"refs/tags/20200101.1", "refs/tags/20261121.99", "refs/tags/20261121.100"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
}

func TestClaimIsBounded(t *testing.T) {
	_, refs, sha := newRemote(t)
	req := request(sha)
	req.Taken = func(context.Context, version.Version) (bool, error) { return true, nil }
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := version.Claim(ctx, refs, req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the deadline", err)
	}
}
