package hardtest

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/filestore"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
	"slipway.dev/slipway/internal/testkit/registry"
)

// gatedText has an image that ends in another registry, and a file that ends in another
// store. Its registry HERE is reached by way of LIAR.
const gatedText = `
signers:
  ci: {key: ci.pub}
  chatops: {key: chatops.pub}
channels:
  image:
  - {name: next, gate: {tests: [{name: unit, signers: [ci]}]}}
  - name: testing
    from: next
    gate: {tests: [{name: boot, signers: [ci], fresh: 168h}], approvals: {count: 1, signers: [chatops]}}
  - {name: stable, from: testing, gate: {tests: [{name: e2e, signers: [ci]}]}}
  file:
  - {name: staging, gate: {tests: [{name: unit, signers: [ci]}]}}
  - {name: live, from: staging, gate: {tests: [{name: boot, signers: [ci]}]}}
artifacts:
- {name: os, kind: image, location: LIAR/os, locations: {stable: THERE/os}, channels: image}
- {name: disk, kind: file, location: DIR/staging, locations: {live: DIR/live}, channels: file}
`

// gated is a world of real gates.
type gated struct {
	*world
	liar *liar
	text string
}

func newGated(t *testing.T) *gated {
	t.Helper()
	w := newWorld(t, registry.InProcess, gatedText, "ci", "chatops")
	g := &gated{world: w, liar: newLiar(t, w.here.Host)}
	g.text = strings.ReplaceAll(gatedText, "LIAR", g.liar.host)
	g.configure(g.text)
	return g
}

// reconfigure changes what the configuration says.
func (g *gated) reconfigure(from, to string) {
	g.Helper()
	if !strings.Contains(g.text, from) {
		g.Fatalf("the configuration does not say %q", from)
	}
	g.text = strings.Replace(g.text, from, to, 1)
	g.configure(g.text)
}

// content makes something new of an artifact that can enter its first channel.
func (g *gated) content(a channel.Artifact) (digest string) {
	g.Helper()
	if a.Kind == channel.Image {
		return g.push(g.here.Host+"/os", "built")
	}
	s, err := folder.New(a.Location)
	if err != nil {
		g.Fatal(err)
	}
	hex, _, err := store.PutBlob(g.Context(), s, strings.NewReader(rand.Text()))
	if err != nil {
		g.Fatal(err)
	}
	return "sha256:" + hex
}

// bring brings something new to a channel, and opens the gate for it.
func (g *gated) bring(full string) (promotion.Request, string) {
	g.Helper()
	r, digest := g.bringClosed(full)
	g.open(r, digest)
	return r, digest
}

// bringClosed brings something new to a channel, whose gate stays closed.
func (g *gated) bringClosed(full string) (promotion.Request, string) {
	g.Helper()
	config := g.promoter().Config
	a, _, err := config.Channel(full)
	if err != nil {
		g.Fatal(err)
	}
	digest := g.content(a)
	for _, ch := range config.Of(a) {
		r := promotion.Request{Channel: channel.Full(a.Name, ch.Name)}
		if ch.From == "" {
			r.Digest = digest
		}
		if r.Channel == full {
			return r, digest
		}
		g.open(r, digest)
		g.mustPromote(r)
	}
	g.Fatalf("%s has no way", full)
	return promotion.Request{}, ""
}

// open gives a digest the evidence, and the plan the approval, that a gate requires.
func (g *gated) open(r promotion.Request, digest string) {
	g.Helper()
	_, ch, err := g.promoter().Config.Channel(r.Channel)
	if err != nil {
		g.Fatal(err)
	}
	for _, test := range ch.Gate.Tests {
		g.passed("ci", test.Name, digest)
	}
	if ch.Gate.Approvals != nil {
		g.approved("chatops", g.plan(r).Hash, "ann")
	}
}

// wantRefused promotes, and checks that it is refused for the reason, in the error and in the
// plan if there can be one, and that neither the channel's pointer nor its ledger changes.
func (g *gated) wantRefused(r promotion.Request, reason string) {
	g.Helper()
	before := g.state(r.Channel)
	defer func() {
		if after := g.state(r.Channel); after != before {
			g.Errorf("%s was\n%s\nand is\n%s", r.Channel, before, after)
		}
	}()
	plan, err := g.promote(r)
	if err == nil || !strings.Contains(err.Error(), reason) {
		g.Errorf("%s: got %v, want %q", r.Channel, err, reason)
	}
	if plan == nil {
		return
	}
	if why := why(plan.Steps[0]); !strings.Contains(why, reason) {
		g.Errorf("%s: the plan says %q, want %q", r.Channel, why, reason)
	}
}

// why is all that a step says against itself.
func why(s *promotion.Step) string {
	all := []string{s.Problem}
	for _, r := range s.Requirements {
		if !r.Met {
			all = append(all, r.Name+": "+r.Why)
		}
	}
	return strings.Join(all, "; ")
}

// state is where a channel's pointer points, and the names of its ledger's records.
func (g *gated) state(full string) string {
	g.Helper()
	a, ch, err := g.promoter().Config.Channel(full)
	if err != nil {
		g.Fatal(err)
	}
	var state string
	if a.Kind == channel.Image {
		state = g.points(a.At(ch.Name), ch.Name)
	} else {
		state = g.pointer(a.At(ch.Name), full)
	}
	for key, err := range g.store.List(g.Context(), "ledger/"+full+"/") {
		if err != nil {
			g.Fatal(err)
		}
		state += "\n" + key
	}
	return state
}

func (g *gated) pointer(dir, full string) string {
	g.Helper()
	s, err := folder.New(dir)
	if err != nil {
		g.Fatal(err)
	}
	now, _, err := filestore.Now(g.Context(), s, full)
	if err != nil {
		g.Fatal(err)
	}
	return now.Digest
}

// path is where an object of the store lies.
func (g *gated) path(key string) string { return filepath.Join(g.Store, key) }

// record is the path of a channel's record.
func (g *gated) record(full string, sequence int) string {
	return g.path(fmt.Sprintf("ledger/%s/%08d.json", full, sequence))
}
