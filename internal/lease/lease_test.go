package lease

import (
	"context"
	"errors"
	"testing"
	"time"

	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
)

const term = 300 * time.Millisecond

func newStore(t *testing.T) *folder.Store {
	t.Helper()
	s, err := folder.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func take(t *testing.T, s store.Pointers) *Lease {
	t.Helper()
	l, err := Take(t.Context(), s, "tester", term)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestWaitKnowsTheLivingFromTheDead(t *testing.T) {
	s := newStore(t)
	if err := Wait(t.Context(), s, "nobody", nil); err != nil {
		t.Errorf("no such run: got %v", err)
	}
	alive := take(t, s)
	if err := Wait(t.Context(), s, alive.Run, nil); !errors.Is(err, ErrAlive) {
		t.Errorf("a run at work: got %v, want ErrAlive", err)
	}
	alive.End()
	began := time.Now()
	if err := Wait(t.Context(), s, alive.Run, nil); err != nil || time.Since(began) > term/2 {
		t.Errorf("a run that ended: got %v after %s", err, time.Since(began))
	}
	dead := take(t, s)
	dead.cancel() // as kill -9 does: nobody says that it ended
	<-dead.ended
	began = time.Now()
	if err := Wait(t.Context(), s, dead.Run, nil); err != nil || time.Since(began) < term {
		t.Errorf("a dead run: got %v after %s, want nil after %s", err, time.Since(began), term)
	}
}

// deaf fails every Swap after the first.
type deaf struct {
	store.Pointers
	swaps int
}

func (d *deaf) Swap(ctx context.Context, key string, old store.Generation, data []byte) (store.Generation, error) {
	if d.swaps++; d.swaps > 1 {
		return "", errors.New("the store is away")
	}
	return d.Pointers.Swap(ctx, key, old, data)
}

func TestRunThatCannotRenewStopsInTime(t *testing.T) {
	l, err := Take(t.Context(), &deaf{Pointers: newStore(t)}, "tester", term)
	if err != nil {
		t.Fatal(err)
	}
	defer l.End()
	if err := l.Check(); err != nil {
		t.Errorf("fresh: got %v", err)
	}
	time.Sleep(term * 7 / 10)
	if err := l.Check(); !errors.Is(err, ErrLost) {
		t.Errorf("after most of a term: got %v, want ErrLost", err)
	}
}

func TestTakeNeedsTheStore(t *testing.T) {
	if _, err := Take(t.Context(), &deaf{Pointers: newStore(t), swaps: 1}, "tester", term); err == nil {
		t.Error("a run began without its lease")
	}
}

// sleepy holds a Swap back for once, as a machine does that sleeps.
type sleepy struct {
	store.Pointers
	nap time.Duration
}

func (s *sleepy) Swap(ctx context.Context, key string, old store.Generation, data []byte) (store.Generation, error) {
	if old != store.Absent {
		time.Sleep(s.nap)
		s.nap = 0
	}
	return s.Pointers.Swap(ctx, key, old, data)
}

// Others may have gone on with the work of a run that slept: it has no way back.
func TestRunThatSleptThroughATermIsDeadForGood(t *testing.T) {
	for _, tt := range []struct {
		nap  time.Duration
		want error
	}{{term / 10, nil}, {term * 9 / 10, ErrLost}} {
		l, err := Take(t.Context(), &sleepy{newStore(t), tt.nap}, "tester", term)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * term) // it is awake again, and renews
		if err := l.Check(); !errors.Is(err, tt.want) {
			t.Errorf("after a nap of %s: got %v, want %v", tt.nap, err, tt.want)
		}
		l.End()
	}
}

func TestEffectEndsWithTheLease(t *testing.T) {
	l, err := Take(t.Context(), &deaf{Pointers: newStore(t)}, "tester", term)
	if err != nil {
		t.Fatal(err)
	}
	defer l.End()
	ctx, stop := l.Within(t.Context())
	defer stop()
	select {
	case <-ctx.Done():
	case <-time.After(term):
		t.Fatal("an effect may outlive its run's lease")
	}
	if !errors.Is(context.Cause(ctx), ErrLost) {
		t.Errorf("got %v", context.Cause(ctx))
	}
}
