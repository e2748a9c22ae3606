package releasecmd

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/promotion"
)

var errKilled = errors.New("killed")

// A run that is killed anywhere leaves nothing wrong, and the next one finishes: the tag
// never moves, and next has a digest only with its evidence.
func TestKilled(t *testing.T) {
	seed := rand.Uint64()
	if text := os.Getenv("SLIPWAY_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("SLIPWAY_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	for round := range 3 {
		commit := w.commit("round "+strconv.Itoa(round), "true")
		tagged := ""
		for range 3 {
			why, done := w.kill(random, commit)
			if tagged != "" {
				w.want(commit, tagged)
			}
			tagged = w.tag(commit)
			t.Logf("killed %s: done %t, tagged %t, next is it %t", why, done, tagged != "", tagged != "" && w.tag("next") == tagged)
			if next := w.tag("next"); next != "" && (w.filed(next, unit) == 0 || w.filed(next, lint) == 0) {
				t.Errorf("next is %s, without evidence", next)
			}
			if done {
				break
			}
		}
		r := w.mustRelease(commit)
		if tagged != "" && r.Digest != tagged || r.State != promotion.Moved && r.State != promotion.Current {
			t.Errorf("tagged %s before; then %+v", tagged, r)
		}
		w.want(commit, r.Digest)
		w.want("next", r.Digest)
		w.audit()
	}
}

// kill starts a run and kills it at a random point: after a time, a request to the
// registry, or a file in the store.
func (w *world) kill(random *rand.Rand, commit string) (why string, done bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	ctx, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	files, requests := w.files(), len(w.proxy.Requests())
	after, at := time.Duration(random.Int64N(int64(2500*time.Millisecond))), random.IntN(16)
	began, reached := time.Now(), func() bool { return false }
	switch random.IntN(3) {
	case 0:
		why, reached = "after "+after.String(), func() bool { return time.Since(began) > after }
	case 1:
		why, reached = "after request "+strconv.Itoa(at), func() bool { return len(w.proxy.Requests())-requests > at }
	case 2:
		at %= 10
		why, reached = "after file "+strconv.Itoa(at), func() bool { return w.files()-files > at }
	}
	ended := make(chan struct{})
	go func() {
		for ctx.Err() == nil && !reached() {
			time.Sleep(time.Millisecond)
		}
		kill(errKilled)
		close(ended)
	}()
	err := exec.Run(ctx, exec.Cmd{Args: append([]string{os.Args[0]}, w.args(commit)...), Env: append(os.Environ(), asJob+"=1")})
	kill(nil)
	<-ended
	if err != nil && !errors.Is(err, errKilled) {
		w.Fatal(err)
	}
	return why, err == nil
}

// files is how many objects the store has.
func (w *world) files() (n int) {
	_ = filepath.WalkDir(w.store(), func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			n++
		}
		return nil
	})
	return n
}
