package hardtest

import (
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/promotion"
)

// A newer failure takes back what an older pass allowed, until a newer pass.
func TestNewerFailureClosesTheGate(t *testing.T) {
	t.Parallel()
	g := newGated(t)
	r, digest := g.bringClosed("os/testing")
	g.approved("chatops", g.plan(r).Hash, "ann")
	g.wantRefused(r, "no result signed by ci")
	g.ended("ci", "boot", evidence.Passed, digest, 3*time.Hour)
	g.wantState(r, promotion.Ready)
	g.ended("ci", "boot", evidence.Failed, digest, 2*time.Hour)
	g.wantRefused(r, "did not pass")
	g.ended("ci", "boot", evidence.Passed, digest, 4*time.Hour) // late to arrive, and older
	g.wantRefused(r, "did not pass")
	g.ended("ci", "boot", evidence.Warned, digest, time.Hour)
	g.mustPromote(r)
	g.want(map[string]string{"os/testing": digest})
}

// Evidence that has grown old closes the gate, however often it was enough before.
func TestOldEvidenceClosesTheGate(t *testing.T) {
	t.Parallel()
	g := newGated(t)
	r, digest := g.bringClosed("os/testing")
	g.approved("chatops", g.plan(r).Hash, "ann")
	g.ended("ci", "boot", evidence.Passed, digest, 169*time.Hour)
	g.wantRefused(r, "more than 168h")
	g.ended("ci", "boot", evidence.Passed, digest, 167*time.Hour)
	g.wantState(r, promotion.Ready)
	g.ended("ci", "boot", evidence.Passed, digest, -time.Hour)
	g.wantRefused(r, "in the future")
}

// Who approved one digest under one gate approved no other, and under no other.
func TestApprovalsDieWithTheirPlan(t *testing.T) {
	t.Parallel()
	g := newGated(t)
	r, first := g.bring("os/testing")
	approved := g.plan(r).Hash
	g.wantState(r, promotion.Ready)

	_, second := g.bringClosed("os/testing") // next holds another digest now
	g.passed("ci", "boot", second)
	if hash := g.plan(r).Hash; hash == approved {
		t.Error("another digest has the same plan")
	}
	g.wantRefused(r, "0 of 1")
	g.approved("chatops", g.plan(r).Hash, "ann")
	g.wantState(r, promotion.Ready)

	g.reconfigure("fresh: 168h", "fresh: 300h")
	g.wantRefused(r, "0 of 1")
	g.reconfigure("fresh: 300h", "fresh: 168h")
	g.wantState(r, promotion.Ready)

	g.keys["ci"] = newKey(t, strings.TrimSuffix(g.Config, "channels.yaml")+"ci.pub")
	g.passed("ci", "boot", second)
	g.wantRefused(r, "0 of 1")
	g.open(r, second)
	g.mustPromote(r)
	g.want(map[string]string{"os/testing": second})
	if g.plan(promotion.Request{Channel: "os/testing", Digest: first}).Steps[0].State != promotion.Held {
		t.Error("what next holds no more is ready")
	}
}

// wantState checks the state of the one step of a request's plan.
func (g *gated) wantState(r promotion.Request, want promotion.State) {
	g.Helper()
	if step := g.plan(r).Steps[0]; step.State != want {
		g.Errorf("%s is %s, want %s: %s", r.Channel, step.State, want, why(step))
	}
}
