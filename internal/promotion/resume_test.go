package promotion

import (
	"fmt"
	"testing"
	"time"

	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/oci"
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

// openMove leaves the intent of a dead run to move to what the channel holds already.
func (w *world) openMove(r Request) {
	w.Helper()
	plan := w.plan(r)
	if err := w.Keep(w.Context(), plan); err != nil {
		w.Fatal(err)
	}
	line, err := ledger.Read(w.Context(), w.store, r.Channel)
	if err != nil {
		w.Fatal(err)
	}
	holds, _ := line.Holds()
	intent := ledger.Record{Kind: ledger.Intent, Digest: holds, From: holds, Version: r.Version, Time: time.Now(), Who: "ann", Run: "DEAD", Plan: plan.Hash}
	if _, err := line.Append(w.Context(), w.store, intent); err != nil {
		w.Fatal(err)
	}
}

// A restore that died is finished: that the pointer is elsewhere is why it began.
func TestDeadRestoreIsFinished(t *testing.T) {
	w := newWorld(t, 1)
	digest := w.push("a0", "x")
	w.mustPromote(Request{Channel: "a0/live", Digest: digest})
	w.openMove(Request{Channel: "a0/live", Digest: digest})
	w.push("a0", "live")
	if err := w.Resume(t.Context(), []string{"a0/live"}); err != nil {
		t.Fatal(err)
	}
	w.want("a0/live", digest)
}

// A version that somebody took while its move was open is not written over.
func TestOpenMoveLeavesATakenVersion(t *testing.T) {
	w := newWorld(t, 0)
	digest := w.push("os", "1")
	w.mustPromote(Request{Channel: "os/next", Digest: digest})
	w.mustPromote(Request{Channel: "os/testing"})
	w.mustPromote(Request{Channel: "os/stable", Version: "v1.0.0"})
	w.openMove(Request{Channel: "os/stable", Version: "v1.0.1"})
	taken := w.push("os", "2")
	prod, client := w.other.Host+"/prod/os", oci.New(oci.Config{})
	m, err := client.Manifest(t.Context(), w.proxy.Host+"/os", taken)
	if err == nil {
		err = client.Copy(t.Context(), w.proxy.Host+"/os", prod, taken)
	}
	if err == nil {
		err = client.Tag(t.Context(), prod, "v1.0.1", m)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Resume(t.Context(), []string{"os/stable"}); err == nil {
		t.Error("the move came about")
	}
	if got := w.points(prod + ":v1.0.1"); got != taken {
		t.Errorf("v1.0.1 was moved to %s", got)
	}
	w.want("os/stable", digest)
}
