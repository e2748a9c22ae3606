package daisybuilder

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/githubrefs"
	"slipway.dev/slipway/internal/testkit/github"
	"slipway.dev/slipway/internal/version"
)

const githubToken = "ghp_secret"

// onGitHub serves the yard's remote by a GitHub too, and releases through that.
func (y *yard) onGitHub(t *testing.T) *github.Server {
	t.Helper()
	server := github.New(t, func(c *github.Config) { c.RateLimit = 1 << 20 })
	server.AddUser("bot", githubToken)
	if _, err := server.AddRepo("org", "hello", github.Options{GitDir: y.remote.Dir}); err != nil {
		t.Fatal(err)
	}
	y.refs = throughGitHub{client(t, server), y.refs}
	return server
}

// client is a client of its own, as every run has.
func client(t *testing.T, server *github.Server) *githubrefs.Refs {
	t.Helper()
	refs, err := githubrefs.New(githubrefs.Config{Owner: "org", Repo: "hello", BaseURL: server.URL(), Token: githubToken})
	if err != nil {
		t.Fatal(err)
	}
	return refs
}

// throughGitHub does everything through GitHub, but for the listing of all tags,
// which is the tests' own: it asks git, the other witness, what was tagged.
type throughGitHub struct {
	*githubrefs.Refs
	git version.Refs
}

func (r throughGitHub) List(ctx context.Context, prefixes []string) ([]version.Ref, error) {
	if slices.Equal(prefixes, []string{"refs/tags/"}) {
		return r.git.List(ctx, prefixes)
	}
	return r.Refs.List(ctx, prefixes)
}

func TestFiftyReleasesAtOnceOnGitHub(t *testing.T) {
	y := newYard(t)
	server := y.onGitHub(t)
	checkFifty(t, y)
	t.Logf("%d requests", len(server.Requests()))
}

// TestRequestsOfARelease is what one release costs on GitHub, whatever was released before.
func TestRequestsOfARelease(t *testing.T) {
	y := newYard(t)
	old := map[string]string{}
	first := y.commit(t, "first")
	server := y.onGitHub(t)
	var costs []int
	for i, tags := range []int{0, 1000, 1000} {
		for n := range tags {
			old[fmt.Sprintf("refs/tags/2026%02d%02d.%02d", n%10+1, n%28+1, n/28)] = first
		}
		y.remote.Pack(old)
		c := y.config(y.commit(t, fmt.Sprint(i)), "deb12", "el9")
		c.Refs = client(t, server)
		before := len(server.Requests())
		if _, err := Create(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		costs = append(costs, len(server.Requests())-before)
	}
	// Claim: 13 prefixes, tag object, ref, one look after. Hold: tag and claim, and
	// the claim's commit. Finish: tag and claim, the commit known; tag object, ref;
	// then the claim is read and deleted.
	if diff := cmp.Diff([]int{25, 25, 25}, costs); diff != "" {
		t.Errorf("requests of a release with 0 and with 1,000 older tags: -want +got:\n%s", diff)
	}
}
