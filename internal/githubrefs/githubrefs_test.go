package githubrefs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/testkit/github"
	"slipway.dev/slipway/internal/testkit/gitrepo"
	"slipway.dev/slipway/internal/version"
)

const (
	token = "ghp_secret"
	today = "20261121"
)

func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// fixture is a repository on a fake GitHub, over a real git repository.
type fixture struct {
	*gitrepo.Repo
	server *github.Server
	refs   *Refs
	sha    string
}

func newFixture(t *testing.T, options ...func(*github.Config)) fixture {
	t.Helper()
	repo := gitrepo.New(t)
	sha := repo.Commit(t, map[string]string{"README": "hello"})
	server := github.New(t, options...)
	server.AddUser("bot", token)
	if _, err := server.AddRepo("org", "pkg", github.Options{GitDir: repo.Dir}); err != nil {
		t.Fatal(err)
	}
	f := fixture{Repo: repo, server: server, sha: sha}
	f.refs = f.client(t)
	return f
}

// client is a client of its own, as every run has.
func (f fixture) client(t *testing.T) *Refs {
	t.Helper()
	refs, err := New(Config{Owner: "org", Repo: "pkg", BaseURL: f.server.URL(), Token: token + "\n"})
	if err != nil {
		t.Fatal(err)
	}
	return refs
}

func request(commit string) version.ClaimRequest {
	return version.ClaimRequest{Commit: commit, Now: noon}
}

func release(ctx context.Context, refs version.Refs, commit string) (version.Claimed, error) {
	claimed, err := version.Claim(ctx, refs, request(commit))
	if err != nil {
		return claimed, err
	}
	if err := version.Tag(ctx, refs, claimed.Version, commit, "Release"); err != nil {
		return claimed, err
	}
	return claimed, version.Drop(ctx, refs, claimed)
}

func TestManyReleasesAtOnce(t *testing.T) {
	const runs = 50
	f := newFixture(t, func(c *github.Config) { c.RateLimit = 1 << 20 })
	commits := make([]string, runs)
	for i := range commits {
		commits[i] = f.Commit(t, map[string]string{"n": fmt.Sprint(i)})
	}
	ctx := testContext(t)
	start := time.Now()
	var group sync.WaitGroup
	for i, commit := range commits {
		group.Go(func() {
			if _, err := release(ctx, f.client(t), commit); err != nil {
				t.Errorf("run %d: %v", i, err)
			}
		})
	}
	group.Wait()
	t.Logf("%d releases in %v with %d requests", runs, time.Since(start), len(f.server.Requests()))
	var want []string
	for i := range runs {
		want = append(want, fmt.Sprintf("refs/tags/%s.%02d", today, i))
	}
	got := strings.Fields(f.Git("for-each-ref", "--format=%(refname)", "refs/tags", "refs/slipway"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("refs (-want +got):\n%s", diff)
	}
	tagged := strings.Fields(f.Git("for-each-ref", "--format=%(*objectname)", "refs/tags"))
	slices.Sort(tagged)
	slices.Sort(commits)
	if diff := cmp.Diff(commits, tagged); diff != "" {
		t.Errorf("tagged commits (-want +got):\n%s", diff)
	}
}

// TestRequestsAreConstant is the promise of the package's documentation.
func TestRequestsAreConstant(t *testing.T) {
	var counts []int
	for _, oldTags := range []int{0, 1000} {
		f := newFixture(t)
		packed := map[string]string{}
		for i := range oldTags {
			packed[fmt.Sprintf("refs/tags/2026%02d%02d.%02d", i%10+1, i%28+1, i%100)] = f.sha
		}
		f.Pack(packed)
		if _, err := version.Claim(testContext(t), f.refs, request(f.sha)); err != nil {
			t.Fatal(err)
		}
		counts = append(counts, len(f.server.Requests()))
	}
	// 13 prefixes, create tag, create ref, one look after.
	if diff := cmp.Diff([]int{16, 16}, counts); diff != "" {
		t.Errorf("requests for a claim with 0 and 1,000 old tags (-want +got):\n%s", diff)
	}
}

func TestListAndPages(t *testing.T) {
	f := newFixture(t)
	packed := map[string]string{}
	for i := range 120 {
		packed[fmt.Sprintf("refs/tags/%s.%d", today, i)] = f.sha
	}
	f.Pack(packed)
	f.Tag(today+".120", f.sha, "annotated")
	f.Git("update-ref", "refs/slipway/claimsX/"+today+".121", f.sha)
	got, err := f.refs.List(testContext(t), []string{"refs/slipway/claims/", "refs/tags/" + today + "."})
	if err != nil || len(got) != 121 {
		t.Fatalf("%d refs, %v; want 121", len(got), err)
	}
	last := version.Ref{Name: "refs/tags/" + today + ".120", Object: f.Git("rev-parse", "refs/tags/"+today+".120")}
	if !slices.Contains(got, last) {
		t.Errorf("no %+v in %v", last, got)
	}
	last.Peeled = f.sha
	got, err = f.refs.List(testContext(t), []string{last.Name, "refs/tags/" + today + "."})
	if err != nil || !slices.Contains(got, last) {
		t.Errorf("a ref named in full is not peeled: %v, %v", got, err)
	}
}

func TestCreateAndDelete(t *testing.T) {
	f := newFixture(t)
	ctx := testContext(t)
	const name = "refs/slipway/claims/20261121.00"
	tag := version.TagObject{Commit: f.sha, Name: "20261121.00", Message: "first"}
	object, err := f.refs.Create(ctx, name, tag)
	if err != nil || f.Git("rev-parse", name) != object || f.Ref(name) != f.sha {
		t.Fatalf("Create = %s, %v; the ref holds %s", object, err, f.Ref(name))
	}
	tag.Message = "second"
	if _, err := f.refs.Create(ctx, name, tag); !errors.Is(err, version.ErrExists) {
		t.Errorf("second Create: %v, want ErrExists", err)
	}
	if err := f.refs.Delete(ctx, name, f.sha); err == nil || !strings.Contains(err.Error(), "left alone") {
		t.Errorf("Delete of another object: %v", err)
	}
	for range 2 {
		if err := f.refs.Delete(ctx, name, object); err != nil {
			t.Error(err)
		}
	}
	if f.Ref(name) != "" {
		t.Error("the ref stands")
	}
}

// TestFaults releases over a GitHub at which every kind of thing goes wrong.
func TestFaults(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	f := newFixture(t)
	f.server.Faults(seed, github.FaultConfig{
		Rates: map[github.Fault]float64{
			github.ServerError: 0.02, github.BadGateway: 0.02, github.Reset: 0.02, github.Truncate: 0.03,
			github.LostAnswer: 0.03, github.SecondaryLimit: 0.02, github.TooMany: 0.02, github.PrimaryLimit: 0.02,
		},
	})
	for i := range 3 {
		got, err := release(testContext(t), f.client(t), f.sha)
		if want := fmt.Sprintf("%s.%02d", today, i); err != nil || got.Version.String() != want || got.Adopted {
			t.Errorf("release = %+v, %v; want %s", got, err, want)
		}
	}
}

// TestLostAnswer loses the answer to each request of a claim in turn: what was done
// must be known for the run's own.
func TestLostAnswer(t *testing.T) {
	for _, endpoint := range []string{"/git/tags", "/git/refs"} {
		f := newFixture(t)
		var once sync.Once
		f.server.Faults(1, github.FaultConfig{
			Rates: map[github.Fault]float64{github.LostAnswer: 1},
			Match: func(r github.Request) (hit bool) {
				if r.Method == "POST" && strings.HasSuffix(r.Path, endpoint) {
					once.Do(func() { hit = true })
				}
				return hit
			},
		})
		got, err := version.Claim(testContext(t), f.refs, request(f.sha))
		if err != nil || got.Version.String() != today+".00" || got.Adopted {
			t.Errorf("%s: Claim = %+v, %v", endpoint, got, err)
		}
	}
}

func TestRateLimit(t *testing.T) {
	faults := []github.Fault{github.SecondaryLimit, github.TooMany, github.PrimaryLimit}
	for _, fault := range faults {
		t.Run(fault.String(), func(t *testing.T) {
			f := newFixture(t)
			var said []string
			f.refs.progress = func(message string) { said = append(said, message) }
			f.server.Faults(1, github.FaultConfig{Script: []github.Fault{fault}})
			start := time.Now()
			if _, err := f.refs.List(testContext(t), []string{"refs/heads/"}); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took < 900*time.Millisecond {
				t.Errorf("took %v, less than GitHub asked for", took)
			}
			if len(said) != 1 || !strings.Contains(said[0], "waiting") {
				t.Errorf("progress: %q", said)
			}
			f.server.Faults(1, github.FaultConfig{Script: []github.Fault{fault}, RetryAfter: time.Hour})
			start = time.Now()
			_, err := f.refs.List(testContext(t), []string{"refs/heads/"})
			if err == nil || !strings.Contains(err.Error(), "past the deadline") || time.Since(start) > 10*time.Second {
				t.Errorf("an hour's wait: %v after %v, want an error at once", err, time.Since(start))
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	f := newFixture(t)
	f.server.AddToken("bot", "read-only", github.ReadOnly)
	f.server.AddToken("bot", "revoked", github.Revoked)
	tests := []struct{ name, token, repo, commit, want string }{
		{"read only", "read-only", "pkg", f.sha, "write access"},
		{"revoked", "revoked", "pkg", f.sha, "wrong or has expired"},
		{"no such repository", token, "other", f.sha, "may not see it"},
		{"no such commit", token, "pkg", strings.Repeat("1", 40), "422"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			refs, err := New(Config{Owner: "org", Repo: test.repo, BaseURL: f.server.URL() + "/api/v3/", Token: test.token})
			if err != nil {
				t.Fatal(err)
			}
			_, err = refs.Create(testContext(t), "refs/tags/x", version.TagObject{Commit: test.commit, Name: "x", Message: "m"})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), test.token) {
				t.Errorf("error %v, want %q and no token", err, test.want)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	for _, config := range []Config{{}, {Owner: "o"}, {Owner: "o", Repo: "r", BaseURL: "ghe.example.com"}} {
		if _, err := New(config); err == nil {
			t.Errorf("New(%+v) gave no error", config)
		}
	}
	if _, err := New(Config{Owner: "o", Repo: "r", BaseURL: "https://ghe.example.com/api/v3"}); err != nil {
		t.Error(err)
	}
}

func TestFutureAndAdopt(t *testing.T) {
	f := newFixture(t)
	first, err := version.Claim(testContext(t), f.refs, request(f.sha))
	if err != nil {
		t.Fatal(err)
	}
	again, err := version.Claim(testContext(t), f.client(t), request(f.sha))
	if err != nil || !again.Adopted || again.Version != first.Version {
		t.Errorf("Claim = %+v, %v; want %v adopted", again, err, first.Version)
	}
	for _, future := range []string{"20261122.00", "20261201.00", "20270101.00", "20300101.00"} {
		f.Tag(future, f.sha, "")
		if _, err := version.Claim(testContext(t), f.refs, request(f.sha)); !errors.Is(err, version.ErrFuture) {
			t.Errorf("with a tag %s: %v, want ErrFuture", future, err)
		}
		f.Git("tag", "-d", future)
	}
}
