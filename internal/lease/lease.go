// Package lease tells a run that works from one that died.
//
// A run keeps a pointer in the store alive by changing it every so often. Whoever
// finds work that a run left open watches the pointer: one that does not change
// for a whole term, by the watcher's own clock, belongs to a dead run. No two
// clocks are compared. A run whose renewals fail stops before its term ends, so
// it is not at work when others take over.
package lease

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/store"
)

// Term is how long a pointer may stay unchanged before its run counts as dead.
const Term = 15 * time.Second

var (
	// ErrLost is a run that could not renew its lease in time.
	ErrLost = errors.New("the run could not keep its lease alive")
	// ErrAlive is a run that is at work.
	ErrAlive = errors.New("another run is at work")
)

// state is what the pointer holds.
type state struct {
	Who   string `json:"who"`
	Term  string `json:"term"`
	Beat  int    `json:"beat"`
	Ended bool   `json:"ended"`
}

// Lease is a run's sign of life.
type Lease struct {
	Run string // name of the run, random

	store  store.Pointers
	term   time.Duration
	cancel context.CancelFunc
	ended  chan struct{}

	generation store.Generation // this and state belong to whoever renews
	state      state

	mu      sync.Mutex
	renewed time.Time // when the last renewal that succeeded began
	late    bool      // others may have taken this run for dead
}

// Take starts a run. The lease is renewed until End. term is 0 for Term.
func Take(ctx context.Context, s store.Pointers, who string, term time.Duration) (*Lease, error) {
	if term == 0 {
		term = Term
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &Lease{
		Run: rand.Text(), store: s, term: term, cancel: cancel, ended: make(chan struct{}),
		state: state{Who: who, Term: term.String()},
	}
	if err := l.renew(ctx); err != nil {
		cancel()
		return nil, fmt.Errorf("start a run: %w", err)
	}
	go l.keep(ctx)
	return l, nil
}

func key(run string) string { return "runs/" + run + ".json" }

func (l *Lease) keep(ctx context.Context) {
	defer close(l.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(l.term / 5):
			_ = l.renew(ctx) // Check sees that it was long ago
		}
	}
}

// renew changes the pointer.
func (l *Lease) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.term)
	defer cancel()
	began := time.Now()
	next := l.state
	next.Beat++
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	generation, err := l.store.Swap(ctx, key(l.Run), l.generation, data)
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.late = l.late || !l.renewed.IsZero() && time.Since(l.renewed) > l.term*4/5
		l.generation, l.state, l.renewed = generation, next, began
		return nil
	}
	// The pointer may have changed all the same; only this run changes it.
	if _, now, again := l.store.Read(ctx, key(l.Run)); again == nil {
		l.generation = now
	}
	return err
}

// Check is ErrLost if others may take this run for dead soon, or may have done so: a
// run that slept through a term is dead for good. Ask before each effect on the outside.
func (l *Lease) Check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.late {
		return fmt.Errorf("%w: it slept for longer than others wait; run again", ErrLost)
	}
	if since := time.Since(l.renewed); since > l.term*3/5 {
		return fmt.Errorf("%w: the last time was %s ago; run again", ErrLost, since.Round(time.Second))
	}
	return nil
}

// Within is a context that ends when Check would fail: for an effect on the outside
// that may wait. The cause is then ErrLost.
func (l *Lease) Within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		ticker := time.NewTicker(l.term / 20)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if err := l.Check(); err != nil {
					cancel(err)
				}
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

// End says that the run is over, so that nobody waits for it.
func (l *Lease) End() {
	l.cancel()
	<-l.ended
	l.state.Ended = true
	_ = l.renew(context.Background()) // else others find out by waiting
}

// Wait returns nil once run is known to be dead or ended, at once if there is no
// such run, and ErrAlive when it gives a sign of life. It takes a term at most.
func Wait(ctx context.Context, s store.Pointers, run string, say func(string)) error {
	first, generation, err := look(ctx, s, run)
	if err != nil || first.Ended {
		return err
	}
	term := first.term()
	defer progress.Watch(5*time.Second, "waiting to see whether the run of "+first.Who+" is alive", say)()
	for deadline := time.Now().Add(term); time.Now().Before(deadline); {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(term / 10):
		}
		now, changed, err := look(ctx, s, run)
		if err != nil || now.Ended {
			return err
		}
		if changed != generation {
			return fmt.Errorf("%w: that of %s; wait until it is over, and run again", ErrAlive, now.Who)
		}
	}
	return nil
}

// look reads a run's pointer. A run without one is as good as ended.
func look(ctx context.Context, s store.Pointers, run string) (state, store.Generation, error) {
	data, generation, err := s.Read(ctx, key(run))
	if errors.Is(err, store.ErrNotFound) {
		return state{Ended: true}, generation, nil
	}
	if err != nil {
		return state{}, generation, fmt.Errorf("see whether run %s is alive: %w", run, err)
	}
	var now state
	_ = json.Unmarshal(data, &now) // damage belongs to nobody, after a term
	return now, generation, nil
}

func (s state) term() time.Duration {
	term, err := time.ParseDuration(s.Term)
	if err != nil || term <= 0 {
		return Term
	}
	return term
}
