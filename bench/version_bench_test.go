package bench

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/gitrefs"
	"slipway.dev/slipway/internal/testkit/gitrepo"
	"slipway.dev/slipway/internal/version"
)

const (
	fewTags  = 10
	manyTags = 100_000
)

// versionNow is a day after all the tags that tagged makes.
var versionNow = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// tagged is a repository with n packed version tags, 20 a day up to yesterday.
func tagged(b *testing.B, n int) *gitrepo.Repo {
	b.Helper()
	repo := gitrepo.New(b)
	sha := repo.Commit(b, map[string]string{"README": "hello"})
	tags := map[string]string{}
	for i := range n {
		day := versionNow.AddDate(0, 0, -1-i/20)
		tags[fmt.Sprintf("refs/tags/%s.%02d", version.Today(day), i%20)] = sha
	}
	repo.Pack(tags)
	return repo
}

// BenchmarkVersionNext finds the next version in a repository with few and with many
// old tags, in turn, and tells the ratio of the medians. Beside it stands git
// ls-remote with a pattern, which reads every ref.
func BenchmarkVersionNext(b *testing.B) {
	few, many := tagged(b, fewTags), tagged(b, manyTags)
	tests := []struct {
		name string
		run  func(b *testing.B, repo *gitrepo.Repo)
	}{
		{"slipway", peek},
		{"git-ls-remote", lsRemote},
	}
	for _, test := range tests {
		b.Run(test.name, func(b *testing.B) {
			var slow, quick []time.Duration
			for b.Loop() {
				quick = append(quick, timed(func() { test.run(b, few) }))
				slow = append(slow, timed(func() { test.run(b, many) }))
			}
			b.ReportMetric(milliseconds(median(quick)), "ms/10-tags")
			b.ReportMetric(milliseconds(median(slow)), "ms/100k-tags")
			b.ReportMetric(float64(median(slow))/float64(median(quick)), "ratio")
			b.ReportMetric(0, "ns/op") // of both together says nothing
		})
	}
}

func peek(b *testing.B, repo *gitrepo.Repo) {
	request := version.ClaimRequest{Now: func() time.Time { return versionNow }}
	got, err := version.Peek(context.Background(), gitrefs.New(repo.URL, ""), request)
	if err != nil {
		b.Fatal(err)
	}
	if want := version.Next(versionNow, nil); got != want {
		b.Fatalf("next is %v, want %v", got, want)
	}
}

func lsRemote(b *testing.B, repo *gitrepo.Repo) {
	pattern := "refs/tags/" + version.Today(versionNow) + ".*"
	if err := exec.Run(context.Background(), exec.Cmd{Args: []string{"git", "ls-remote", repo.URL, pattern}}); err != nil {
		b.Fatal(err)
	}
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func median(ds []time.Duration) time.Duration {
	ds = slices.Clone(ds)
	slices.Sort(ds)
	return ds[len(ds)/2]
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }
