package daisybuilder

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/gitrefs"
	"slipway.dev/slipway/internal/store/folder"
	"slipway.dev/slipway/internal/testkit/gitrepo"
)

// killPoints is how many releases are killed.
const killPoints = 100

// childEnv makes this test binary release one commit and end: what is killed.
const childEnv = "SLIPWAY_TEST_RELEASE" // remote|store|scratch|commit

func TestMain(m *testing.M) {
	if orders := os.Getenv(childEnv); orders != "" {
		os.Exit(releaseOnce(strings.Split(orders, "|")))
	}
	os.Exit(m.Run())
}

func releaseOnce(orders []string) int {
	s, err := folder.New(orders[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	y := &yard{remote: &gitrepo.Repo{URL: "file://" + orders[0], Dir: orders[0]}, store: s, executor: &fakeExecutor{dir: orders[2]}, refs: gitrefs.New("file://"+orders[0], orders[0])}
	if _, err := Create(context.Background(), y.config(orders[3], "deb12", "el9", "goo")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestKilledAnywhere kills a release at random points. What stands then, and
// what stands after the next run, must be right every time.
func TestKilledAnywhere(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	y := newYard(t)
	length := timeOf(t, func() { y.kill(t, y.commit(t, "measure"), 0) })
	t.Logf("a release takes %v", length)
	died := 0
	for i := range killPoints {
		commit := y.commit(t, fmt.Sprint(i))
		after := time.Duration(random.Int64N(int64(length)))
		if y.kill(t, commit, max(after, 1)) {
			died++
		}
		y.checkInvariants(t)
		before := snapshot(t, y)
		y.create(t, y.config(commit, "deb12", "el9", "goo"))
		checkNothingOverwritten(t, before, snapshot(t, y))
		if left := y.claims(t); left != "" {
			t.Errorf("killed after %v: claims left: %s", after, left)
		}
		if t.Failed() {
			t.Fatalf("killed after %v of %v (seed %d)", after, length, seed)
		}
	}
	if died < killPoints/2 {
		t.Errorf("only %d of %d runs were killed before they ended; the kills come too late to prove anything", died, killPoints)
	}
	if tags := len(strings.Fields(y.remote.Git("tag"))); tags != killPoints+1 {
		t.Errorf("%d commits have %d versions", killPoints+1, tags)
	}
}

func timeOf(t *testing.T, do func()) time.Duration {
	t.Helper()
	start := time.Now()
	do()
	return time.Since(start)
}

// kill releases a commit in a process of its own and kills it; 0 lets it end.
func (y *yard) kill(t *testing.T, commit string, after time.Duration) (died bool) {
	t.Helper()
	ctx := t.Context()
	if after > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, after)
		defer cancel()
	}
	scratch := t.TempDir()
	err := exec.Run(ctx, exec.Cmd{
		Args: []string{"release"}, Path: "/proc/self/exe",
		Env: append(os.Environ(), childEnv+"="+strings.Join([]string{y.remote.Dir, y.dir, scratch, commit}, "|")),
	})
	if err != nil && ctx.Err() == nil {
		t.Fatalf("a release that nobody killed: %v", err)
	}
	return err != nil
}

func checkNothingOverwritten(t *testing.T, before, after map[string]string) {
	t.Helper()
	for key, data := range before {
		if key != "refs" && after[key] != data {
			t.Errorf("%s was overwritten", key)
		}
	}
}
