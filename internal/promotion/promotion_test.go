package promotion

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway.dev/slipway/internal/lease"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/testkit/registry"
)

func TestWholeWay(t *testing.T) {
	w := newWorld(t, 0)
	digest := w.push("os", "1111")
	w.mustPromote(Request{Channel: "os/next", Digest: digest})
	w.want("os/next", digest)
	w.mustPromote(Request{Channel: "os/testing"})
	w.want("os/testing", digest)
	w.mustPromote(Request{Channel: "os/stable", Version: "v1.2.3"})
	w.want("os/stable", digest)
	if got := w.points(w.other.Host + "/prod/os:v1.2.3"); got != digest {
		t.Errorf("the version points to %q", got)
	}
	line, err := ledger.Read(t.Context(), w.store, "os/testing")
	if err != nil {
		t.Fatal(err)
	}
	intent := line.Stays()[0].Intent
	if intent.Source != "os/next" || intent.Who != "tester" || len(intent.Evidence) != 2 || !strings.HasPrefix(intent.Plan, "sha256:") {
		t.Errorf("the ledger says too little: %+v", intent)
	}
	if _, err := ReadPlan(t.Context(), w.store, intent.Plan); err != nil {
		t.Error(err)
	}
}

func TestNothingToDoWritesNothing(t *testing.T) {
	w := newWorld(t, 0)
	request := Request{Channel: "os/next", Digest: w.push("os", "1111")}
	w.mustPromote(request)
	before := objects(t, w)
	w.proxy.Forget()
	w.mustPromote(request)
	if after := objects(t, w); after != before {
		t.Errorf("the store held\n%s\nand now holds\n%s", before, after)
	}
	if n := w.proxy.Count(registry.Request.IsWrite); n != 0 {
		t.Errorf("%d writes in the registry", n)
	}
}

// objects names all objects of the store and their sizes.
func objects(t *testing.T, w *world) string {
	t.Helper()
	var all strings.Builder
	for key, err := range w.store.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		info, err := w.store.Stat(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&all, key, info.Size, info.Modified.UnixNano())
	}
	return all.String()
}

func TestClosedGateHolds(t *testing.T) {
	w := newWorld(t, 0)
	digest := w.push("os", "1111")
	w.mustPromote(Request{Channel: "os/next", Digest: digest})
	w.proof.approvers = nil
	plan := w.plan(Request{Channel: "os/testing"})
	if plan.Steps[0].State != Held {
		t.Fatalf("without approval: %s", plan.Steps[0].State)
	}
	err := w.Apply(t.Context(), plan)
	var left *LeftError
	if !errors.As(err, &left) || !strings.Contains(err.Error(), "0 of 1") || !strings.Contains(err.Error(), plan.Hash) {
		t.Errorf("got %v", err)
	}
	w.want("os/testing", "")
	w.proof.approvers = []string{"ann"}
	w.proof.failed[digest] = true
	if err := w.promote(Request{Channel: "os/testing"}); err == nil {
		t.Error("a failed test let it pass")
	}
	w.want("os/testing", "")
	if err := w.promote(Request{Channel: "os/stable", Version: "v1.0.0"}); err == nil || !strings.Contains(err.Error(), "testing holds nothing") {
		t.Errorf("past a channel: got %v", err)
	}
	other := w.push("os", "2222")
	if err := w.promote(Request{Channel: "os/testing", Digest: other}); err == nil || !strings.Contains(err.Error(), "order") {
		t.Errorf("a digest that next never held: got %v", err)
	}
}

func TestRequesterDoesNotApprove(t *testing.T) {
	w := newWorld(t, 0)
	w.mustPromote(Request{Channel: "os/next", Digest: w.push("os", "1111")})
	plan, err := w.Plan(t.Context(), Order{Requests: []Request{{Channel: "os/testing"}}, Requester: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	if plan.Steps[0].State != Held {
		t.Errorf("the requester's own approval counted: %s", plan.Steps[0].State)
	}
}

func TestRequestsThatMeanNothing(t *testing.T) {
	w := newWorld(t, 0)
	digest := w.push("os", "1111")
	for _, tt := range []struct {
		request Request
		want    string
	}{
		{Request{Channel: "os/tesing"}, "os has next, testing, stable"},
		{Request{Channel: "oss/testing"}, "did you mean os/testing"},
		{Request{Channel: "os/next"}, "name the digest"},
		{Request{Channel: "os/next", Digest: "sha256:12"}, "no digest"},
		{Request{Channel: "os/next", Digest: digest, Version: "v1.0.0"}, "takes no version"},
		{Request{Channel: "os/stable"}, "requires a version"},
		{Request{Channel: "os/stable", Version: "1.0"}, "v1.2.3"},
		{Request{Channel: "os/testing", Digest: digest, Tag: "v1.0.0-test"}, "exclude each other"},
	} {
		if _, err := w.Plan(t.Context(), Order{Requests: []Request{tt.request}}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.request, err, tt.want)
		}
	}
}

func TestBrokenEdgeIsSetAside(t *testing.T) {
	w := newWorld(t, 5)
	var requests []Request
	for i := range 5 {
		requests = append(requests, Request{Channel: fmt.Sprintf("a%d/live", i), Digest: w.push(fmt.Sprintf("a%d", i), "x")})
	}
	good := requests[2].Digest
	requests[2].Digest = "sha256:" + strings.Repeat("0", 64)
	err := w.promote(requests...)
	var left *LeftError
	if !errors.As(err, &left) || left.Left != 1 || !strings.Contains(err.Error(), "a2/live") {
		t.Errorf("got %v, want a2/live named alone", err)
	}
	for i, r := range requests {
		if i != 2 {
			w.want(r.Channel, r.Digest)
		}
	}
	w.want("a2/live", "")
	w.proxy.Forget()
	requests[2].Digest = good
	w.mustPromote(requests...)
	w.want("a2/live", good)
	if puts := w.proxy.Puts(); len(puts) != 1 {
		t.Errorf("the second run wrote %v, want a2's tag alone", puts)
	}
}

func TestPointerMovedFromOutside(t *testing.T) {
	w := newWorld(t, 1)
	first, second := w.push("a0", "x"), w.push("a0", "y")
	w.mustPromote(Request{Channel: "a0/live", Digest: first})
	byHand := w.push("a0", "live")
	err := w.promote(Request{Channel: "a0/live", Digest: second})
	if err == nil || !strings.Contains(err.Error(), "from outside") || w.points(w.proxy.Host+"/a0:live") != byHand {
		t.Errorf("got %v", err)
	}
	findings, err := w.Audit(t.Context(), w.Config.All())
	if err != nil || len(findings) != 1 || findings[0].Live != byHand || findings[0].Ledger != first {
		t.Errorf("audit: %v, %+v", err, findings)
	}
	if _, err := w.Restore(t.Context(), "a0/live", "moved by hand"); err != nil {
		t.Fatal(err)
	}
	w.want("a0/live", first)
	if findings, err = w.Audit(t.Context(), w.Config.All()); err != nil || len(findings) != 0 {
		t.Errorf("audit after the restore: %v, %+v", err, findings)
	}
	w.mustPromote(Request{Channel: "a0/live", Digest: second})
}

func TestVersionNeverMoves(t *testing.T) {
	w := newWorld(t, 0)
	first, second := w.push("os", "1"), w.push("os", "2")
	for _, digest := range []string{first, second} {
		w.mustPromote(Request{Channel: "os/next", Digest: digest})
		w.mustPromote(Request{Channel: "os/testing"})
		err := w.promote(Request{Channel: "os/stable", Version: "v1.0.0"})
		if digest == second && (err == nil || !strings.Contains(err.Error(), "a version never moves")) {
			t.Errorf("got %v", err)
		}
	}
	w.want("os/stable", first)
	w.mustPromote(Request{Channel: "os/stable", Version: "v1.0.1"})
	w.want("os/stable", second)
}

// A version that was moved by hand is found, and put back with its channel.
func TestRestoreVersion(t *testing.T) {
	w := newWorld(t, 0)
	digest, other := w.push("os", "1"), w.push("os", "2")
	w.mustPromote(Request{Channel: "os/next", Digest: digest})
	w.mustPromote(Request{Channel: "os/testing"})
	w.mustPromote(Request{Channel: "os/stable", Version: "v1.0.0"})
	prod := w.other.Host + "/prod/os"
	client := oci.New(oci.Config{})
	m, err := client.Manifest(t.Context(), w.proxy.Host+"/os", other)
	if err == nil {
		err = client.Copy(t.Context(), w.proxy.Host+"/os", prod, other)
	}
	if err == nil {
		err = client.Tag(t.Context(), prod, "v1.0.0", m)
	}
	if err != nil {
		t.Fatal(err)
	}
	findings, err := w.Audit(t.Context(), w.Config.All())
	if err != nil || len(findings) != 1 || !strings.HasSuffix(findings[0].Pointer, ":v1.0.0") {
		t.Errorf("audit: %v, %+v", err, findings)
	}
	if _, err := w.Restore(t.Context(), "os/stable", "moved by hand"); err != nil {
		t.Fatal(err)
	}
	if got := w.points(prod + ":v1.0.0"); got != digest {
		t.Errorf("the version points to %s", got)
	}
	w.want("os/stable", digest)
}

func TestSignedTagNamesTheImageOfItsCommit(t *testing.T) {
	w := newWorld(t, 0)
	commit := strings.Repeat("ab", 20)
	tagged := w.push("os", commit)
	w.mustPromote(Request{Channel: "os/next", Digest: tagged})
	w.mustPromote(Request{Channel: "os/next", Digest: w.push("os", "today")})
	w.proof.approvers, w.proof.tag = nil, Tag{Commit: commit, Object: "ffff", Approver: "ann", Version: "v1.0.0", Test: true, Signed: time.Now()}
	w.mustPromote(Request{Channel: "os/testing", Tag: "v1.0.0-test"})
	w.want("os/testing", tagged)
	w.proof.tag.Test = false
	if err := w.promote(Request{Channel: "os/testing", Tag: "v1.0.0"}); err == nil || !strings.Contains(err.Error(), "another channel") {
		t.Errorf("a version's tag for a channel without versions: got %v", err)
	}
	if err := w.promote(Request{Channel: "os/stable", Tag: "v1.0.0"}); err == nil || !strings.Contains(err.Error(), "takes no signed tags") {
		t.Errorf("a gate without tags: got %v", err)
	}
}

func TestTwoPromotersAtOnce(t *testing.T) {
	w := newWorld(t, 1)
	digests := []string{w.push("a0", "x"), w.push("a0", "y")}
	plans := make([]*Plan, 8)
	for i := range plans {
		plans[i] = w.plan(Request{Channel: "a0/live", Digest: digests[i%2]})
	}
	errs := make([]error, len(plans))
	var group sync.WaitGroup
	for i, plan := range plans {
		group.Go(func() { errs[i] = w.Apply(t.Context(), plan) })
	}
	group.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won >= 0:
			t.Errorf("%d and %d both moved the channel", won, i)
		case err == nil:
			won = i
		case !errors.Is(err, ledger.ErrRaced) && !errors.Is(err, lease.ErrAlive):
			t.Errorf("%d was told %v", i, err)
		}
	}
	if won < 0 {
		t.Fatal("nobody moved the channel")
	}
	w.want("a0/live", digests[won%2])
}

func TestRollback(t *testing.T) {
	w := newWorld(t, 1)
	first, second := w.push("a0", "x"), w.push("a0", "y")
	w.mustPromote(Request{Channel: "a0/live", Digest: first})
	w.mustPromote(Request{Channel: "a0/live", Digest: second})
	if err := w.promote(Request{Channel: "a0/live", Rollback: true, Digest: "sha256:" + strings.Repeat("0", 64)}); err == nil || !strings.Contains(err.Error(), "never held it") {
		t.Errorf("back to what it never held: got %v", err)
	}
	w.mustPromote(Request{Channel: "a0/live", Rollback: true})
	w.want("a0/live", first)
	if err := w.promote(Request{Channel: "a0/live", Digest: second}); err == nil || !strings.Contains(err.Error(), "rolled back") {
		t.Errorf("a barred digest: got %v", err)
	}
	if err := w.Lift(t.Context(), "a0/live", second, "it was the mirror"); err != nil {
		t.Fatal(err)
	}
	w.mustPromote(Request{Channel: "a0/live", Digest: second})
	w.want("a0/live", second)
	if err := w.Lift(t.Context(), "a0/live", first, ""); err == nil {
		t.Error("what is not barred was lifted")
	}
}

func TestHashCoversWhatMovesAndWhoIsTrusted(t *testing.T) {
	w := newWorld(t, 2)
	digest := w.push("a0", "x")
	request := Request{Channel: "a0/live", Digest: digest}
	hash := w.plan(request).Hash
	w.mustPromote(request)
	w.Now = func() time.Time { return time.Now().Add(1000 * time.Hour) }
	if again := w.plan(request).Hash; again != hash {
		t.Error("the hash drifts with time, or with what was done")
	}
	if other := w.plan(Request{Channel: "a0/live", Digest: w.push("a0", "y")}).Hash; other == hash {
		t.Error("the hash does not cover the digest")
	}
	signer := w.Config.Signers["ci"]
	signer.Data = []byte("another key")
	w.Config.Signers["ci"] = signer
	if other := w.plan(request).Hash; other == hash {
		t.Error("the hash does not cover the signers' keys")
	}
}

// What people approved was for one move. After a rollback they are asked again.
func TestApprovalIsSpent(t *testing.T) {
	w := newWorld(t, 0)
	first, second := w.push("os", "1"), w.push("os", "2")
	w.proof.at = time.Now()
	for _, digest := range []string{first, second} {
		w.mustPromote(Request{Channel: "os/next", Digest: digest})
		w.mustPromote(Request{Channel: "os/testing"})
	}
	w.proof.at = time.Now()
	w.mustPromote(Request{Channel: "os/testing", Rollback: true})
	if err := w.Lift(t.Context(), "os/testing", second, "it was the mirror"); err != nil {
		t.Fatal(err)
	}
	w.proof.at = time.Now().Add(-time.Hour)
	if err := w.promote(Request{Channel: "os/testing"}); err == nil || !strings.Contains(err.Error(), "0 of 1") {
		t.Errorf("with the old approval: got %v", err)
	}
	w.proof.at = time.Now()
	w.mustPromote(Request{Channel: "os/testing"})
	w.want("os/testing", second)
}

// Late approvals of a move are spent as well, once the channel has left the digest.
func TestLateApprovalIsSpent(t *testing.T) {
	w := newWorld(t, 0)
	first, second := w.push("os", "1"), w.push("os", "2")
	for _, digest := range []string{first, second} {
		w.mustPromote(Request{Channel: "os/next", Digest: digest})
		w.mustPromote(Request{Channel: "os/testing"})
	}
	late := time.Now()
	w.mustPromote(Request{Channel: "os/testing", Rollback: true})
	if err := w.Lift(t.Context(), "os/testing", second, "it was the mirror"); err != nil {
		t.Fatal(err)
	}
	w.proof.at = late
	if err := w.promote(Request{Channel: "os/testing"}); err == nil || !strings.Contains(err.Error(), "an earlier move") {
		t.Errorf("got %v", err)
	}
}

// A pattern passes over what has nothing new, never over what is broken.
func TestPatternNamesBrokenLedgers(t *testing.T) {
	w := newWorld(t, 0)
	w.mustPromote(Request{Channel: "os/next", Digest: w.push("os", "1")})
	if err := w.store.Create(t.Context(), "ledger/os/next/00000009.json", strings.NewReader("{}")); err != nil {
		t.Fatal(err)
	}
	plan, err := w.Plan(t.Context(), Order{Requests: []Request{{Channel: "os/testing"}}, OnlyNew: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Apply(t.Context(), plan); !errors.Is(err, ledger.ErrBroken) {
		t.Errorf("got %v", err)
	}
}

func TestTrainMembersDoNotMoveAlone(t *testing.T) {
	w := newTrain(t, 2)
	for _, o := range []Order{
		{Requests: []Request{{Channel: "a0/live", Digest: w.push("a0", "x")}}},
		{Requests: []Request{{Channel: "a0/live", Rollback: true}}},
		{Train: "all", OnlyNew: true},
	} {
		var request *RequestError
		if _, err := w.Plan(t.Context(), o); !errors.As(err, &request) || !strings.Contains(err.Error(), "train all") {
			t.Errorf("%+v: got %v", o, err)
		}
	}
}

// A gate that closed while content was under way is seen before the intent.
func TestOldJudgementIsMadeAgain(t *testing.T) {
	w := newWorld(t, 0)
	digest := w.push("os", "1")
	w.mustPromote(Request{Channel: "os/next", Digest: digest})
	plan := w.plan(Request{Channel: "os/testing"})
	w.proof.failed[digest] = true
	w.Now = func() time.Time { return time.Now().Add(2 * stale) }
	if err := w.Apply(t.Context(), plan); err == nil || !strings.Contains(err.Error(), "closed since") {
		t.Errorf("got %v", err)
	}
	w.want("os/testing", "")
}

// A digest that the channel holds may get another version.
func TestAnotherVersionOfTheSame(t *testing.T) {
	w := newWorld(t, 0)
	digest := w.push("os", "1")
	w.mustPromote(Request{Channel: "os/next", Digest: digest})
	w.mustPromote(Request{Channel: "os/testing"})
	for _, v := range []string{"v1.0.0", "v1.0.1", "v1.0.1"} {
		w.mustPromote(Request{Channel: "os/stable", Version: v})
		if got := w.points(w.other.Host + "/prod/os:" + v); got != digest {
			t.Errorf("%s points to %q", v, got)
		}
	}
}

// What was rolled back comes back by promotion, not by another rollback.
func TestRollbackIsNoWayForward(t *testing.T) {
	w := newWorld(t, 1)
	first, second := w.push("a0", "x"), w.push("a0", "y")
	w.mustPromote(Request{Channel: "a0/live", Digest: first})
	w.mustPromote(Request{Channel: "a0/live", Digest: second})
	w.mustPromote(Request{Channel: "a0/live", Rollback: true})
	if err := w.Lift(t.Context(), "a0/live", second, "why not"); err != nil {
		t.Fatal(err)
	}
	if err := w.promote(Request{Channel: "a0/live", Rollback: true, Digest: second}); err == nil || !strings.Contains(err.Error(), "promote it instead") {
		t.Errorf("got %v", err)
	}
}

// Retention that is deleting a digest, or died at it, keeps it from being promoted.
func TestCondemnedDigestStays(t *testing.T) {
	w := newWorld(t, 1)
	digest := w.push("a0", "x")
	key := "retention/" + strings.ReplaceAll(w.proxy.Host, ":", "_") + "/a0/now.json"
	_, err := w.store.Swap(t.Context(), key, store.Absent, []byte(`{"run": "r", "digests": ["`+digest+`"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.promote(Request{Channel: "a0/live", Digest: digest}); err == nil || !strings.Contains(err.Error(), "retention is deleting") {
		t.Errorf("got %v", err)
	}
	w.want("a0/live", "")
}
