package hardtest

import (
	"path"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/evidence/decision"
	"slipway.dev/slipway/internal/promotion"
)

// TestSignedForSomethingElse puts what somebody signed where it does not belong, and what
// nobody may sign where it would. None of it opens a gate, and the plan says why.
func TestSignedForSomethingElse(t *testing.T) {
	for name, tt := range map[string]struct {
		put    func(g *gated, r promotion.Request, digest string)
		reason string
	}{
		"evidence of another digest": {func(g *gated, _ promotion.Request, digest string) {
			key := g.passed("ci", "boot", "sha256:"+strings.Repeat("a", 64))
			g.refile(key, "evidence/"+hexOf(digest)+"/boot/")
		}, "it is about sha256:aaaa"},
		"evidence of another test": {func(g *gated, _ promotion.Request, digest string) {
			g.refile(g.passed("ci", "unit", digest), "evidence/"+hexOf(digest)+"/boot/")
		}, "it is about the test unit"},
		"old evidence under a new name": {func(g *gated, _ promotion.Request, digest string) {
			key := g.ended("ci", "boot", evidence.Passed, digest, 200*time.Hour)
			_, sum, _ := strings.Cut(path.Base(key), "-")
			g.replace(g.path(path.Dir(key)+"/"+time.Now().UTC().Format("20060102T150405Z")+"-"+sum), g.read(key))
		}, "the test ended at"},
		"evidence by an unknown key": {func(g *gated, _ promotion.Request, digest string) {
			g.passed("stranger", "boot", digest)
		}, "signed by an unknown key"},
		"evidence by who may only approve": {func(g *gated, _ promotion.Request, digest string) {
			g.passed("chatops", "boot", digest)
		}, "signed by an unknown key"},
		"evidence by an expired key": {func(g *gated, _ promotion.Request, digest string) {
			g.reconfigure("ci: {key: ci.pub}", "ci: {key: ci.pub, until: 2020-01-01T00:00:00Z}")
			g.passed("ci", "boot", digest)
		}, "dated after the end of its key"},
		"an approval as evidence": {func(g *gated, r promotion.Request, digest string) {
			g.refile(g.approved("ci", g.plan(r).Hash, "ann"), "evidence/"+hexOf(digest)+"/boot/"+time.Now().UTC().Format("20060102T150405Z")+"-")
		}, "is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGated(t)
			g.keys["stranger"] = newKey(t, t.TempDir()+"/stranger.pub")
			r, digest := g.bringClosed("os/testing")
			tt.put(g, r, digest)
			g.approved("chatops", g.plan(r).Hash, "ann")
			g.wantRefused(r, tt.reason)
		})
	}
}

// TestApprovedForSomethingElse is the same of approvals.
func TestApprovedForSomethingElse(t *testing.T) {
	for name, tt := range map[string]struct {
		put    func(g *gated, plan string)
		reason string // that the plan says
		says   string // that people are told beside it
	}{
		"approval of another plan": {func(g *gated, plan string) {
			g.refile(g.approved("chatops", "sha256:"+strings.Repeat("a", 64), "ann"), "decisions/"+hexOf(plan)+"/")
		}, "it is about the plan sha256:aaaa", ""},
		"approval by an unknown key":    {func(g *gated, plan string) { g.approved("stranger", plan, "ann") }, "0 of 1", "signed by an unknown key"},
		"approval by who may only test": {func(g *gated, plan string) { g.approved("ci", plan, "ann") }, "0 of 1", "signed by an unknown key"},
		"approval dated after its key's end": {func(g *gated, plan string) {
			a := decision.Decision{Kind: decision.Approve, Plan: plan, By: "ann", At: time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)}
			if _, err := decision.Add(g.Context(), g.store, g.keys["chatops"], a); err != nil {
				g.Fatal(err)
			}
		}, "0 of 1", "dated after the end of its key"},
		"evidence as an approval": {func(g *gated, plan string) {
			g.refile(g.passed("chatops", "boot", "sha256:"+strings.Repeat("a", 64)), "decisions/"+hexOf(plan)+"/")
		}, "is damaged", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGated(t)
			g.reconfigure("chatops: {key: chatops.pub}", "chatops: {key: chatops.pub, until: 2030-01-01T00:00:00Z}")
			g.keys["stranger"] = newKey(t, t.TempDir()+"/stranger.pub")
			r, digest := g.bringClosed("os/testing")
			g.passed("ci", "boot", digest)
			tt.put(g, g.plan(r).Hash)
			g.wantRefused(r, tt.reason)
			g.wantRefused(r, tt.says)
		})
	}
}

func hexOf(digest string) string { return strings.TrimPrefix(digest, "sha256:") }

// refile copies a signed object, as it is, to a name that begins with prefix.
func (g *gated) refile(key, prefix string) {
	g.Helper()
	name := path.Base(key)
	if strings.HasSuffix(prefix, "-") { // it brings its own time
		_, name, _ = strings.Cut("-"+name, "-")
	}
	g.replace(g.path(prefix+name), g.read(key))
}
