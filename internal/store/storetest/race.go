package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"slipway.dev/slipway/internal/store"
)

const (
	racers = 20
	rounds = 3
)

// testRacingCreators lets many create one key at once, with bytes of their own:
// one wins, and the others learn that they lost.
func testRacingCreators(t *testing.T, s store.Store) {
	for round := range rounds {
		key := fmt.Sprintf("contested/%d", round)
		errs := together(func(i int) error {
			return s.Create(testContext(t), key, strings.NewReader(fmt.Sprintf("racer %02d", i)))
		})
		var winners []string
		for i, err := range errs {
			switch {
			case err == nil:
				winners = append(winners, fmt.Sprintf("racer %02d", i))
			case !errors.Is(err, store.ErrConflict):
				t.Errorf("racer %d: got error %v, want a conflict", i, err)
			}
		}
		if got := read(t, s, key); len(winners) != 1 || winners[0] != got {
			t.Errorf("round %d: winners %q, but the key holds %q", round, winners, got)
		}
	}
	for i, err := range together(func(int) error { return s.Create(testContext(t), "agreed", strings.NewReader("same")) }) {
		if err != nil {
			t.Errorf("racer %d with the same bytes: %v", i, err)
		}
	}
}

// together runs f racers times at once.
func together(f func(i int) error) []error {
	errs := make([]error, racers)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

func testSwap(t *testing.T, s store.Store) {
	ctx := testContext(t)
	const key = "apt/dists/stable/InRelease"
	first := swap(t, s, key, store.Absent, "one")
	_, err := s.Swap(ctx, key, store.Absent, []byte("another"))
	wantStale(t, err)
	second := swap(t, s, key, first, "two")
	_, err = s.Swap(ctx, key, first, []byte("late"))
	wantStale(t, err)
	data, generation, err := s.Read(ctx, key)
	if err != nil || string(data) != "two" || generation != second {
		t.Errorf("Read = %q, %q, %v; want \"two\" at %q", data, generation, err, second)
	}
	_, err = s.Swap(ctx, "no/such/pointer", second, []byte("x"))
	wantStale(t, err)
	wantAbsent(t, s, "no/such/pointer")
}

func swap(t *testing.T, s store.Store, key string, old store.Generation, content string) store.Generation {
	t.Helper()
	generation, err := s.Swap(testContext(t), key, old, []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return generation
}

func wantStale(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrStale) {
		t.Errorf("got error %v, want ErrStale", err)
	}
}

// testRacingSwaps counts with many hands. A lost update would be a number too few.
func testRacingSwaps(t *testing.T, s store.Store) {
	ctx := testContext(t)
	for i, err := range together(func(int) error { return increment(ctx, s, "counter") }) {
		if err != nil {
			t.Errorf("racer %d: %v", i, err)
		}
	}
	if got := read(t, s, "counter"); got != strconv.Itoa(racers) {
		t.Errorf("%d increments made %s", racers, got)
	}
}

func increment(ctx context.Context, s store.Store, key string) error {
	for {
		data, generation, err := s.Read(ctx, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		count, _ := strconv.Atoi(string(data))
		_, err = s.Swap(ctx, key, generation, []byte(strconv.Itoa(count+1)))
		if !errors.Is(err, store.ErrStale) {
			return err
		}
	}
}
