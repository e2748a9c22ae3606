package promotion

import (
	"fmt"
	"testing"
	"time"

	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/store"
)

// A run that died with many moves open is waited for once, not once for each.
func TestDeadRunIsWaitedForOnce(t *testing.T) {
	const moves, term = 6, 400 * time.Millisecond
	w := newWorld(t, moves)
	w.Term = term
	var requests []Request
	for i := range moves {
		requests = append(requests, Request{Channel: fmt.Sprintf("a%d/live", i), Digest: w.push(fmt.Sprintf("a%d", i), "x")})
	}
	plan := w.plan(requests...)
	if err := w.Keep(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	dead := fmt.Sprintf(`{"who": "ann", "term": "%s"}`, term)
	if _, err := w.store.Swap(t.Context(), "runs/DEAD.json", store.Absent, []byte(dead)); err != nil {
		t.Fatal(err)
	}
	for _, step := range plan.Steps {
		intent := ledger.Record{Kind: ledger.Intent, Digest: step.Digest, Time: time.Now(), Who: "ann", Run: "DEAD", Plan: plan.Hash}
		if _, err := step.line.Append(t.Context(), w.store, intent); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	w.mustPromote(requests...)
	if took := time.Since(began); took < term || took > 3*term {
		t.Errorf("it took %s, want a bit more than %s", took, term)
	}
	for _, r := range requests {
		w.want(r.Channel, r.Digest)
	}
}
