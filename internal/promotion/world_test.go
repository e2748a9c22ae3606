package promotion

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/gate"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/store/folder"
	"slipway.dev/slipway/internal/testkit/registry"
)

// world is a registry behind a counting proxy, a store, and a promoter of both.
type world struct {
	*testing.T
	proxy *registry.Proxy
	other *registry.Proxy // another registry
	store *folder.Store
	proof *fakeProof
	*Promoter
}

// fakeProof says of every test that it passed, unless it is told otherwise.
type fakeProof struct {
	mu        sync.Mutex
	failed    map[string]bool // by digest
	approvers []string
	at        time.Time // when they approved; zero is now
	tag       Tag
}

func (p *fakeProof) Result(_ context.Context, digest string, _ channel.Test) gate.Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	return gate.Result{Found: true, Passed: !p.failed[digest], Finished: time.Now().Add(-time.Hour), Key: "evidence/" + digest}
}

func (p *fakeProof) Consent(context.Context, string, channel.Approvals) (c gate.Consent, err error) {
	at := p.at
	if at.IsZero() {
		at = time.Now()
	}
	for _, who := range p.approvers {
		c.Given = append(c.Given, gate.Said{Who: who, At: at, Key: "decisions/" + who})
	}
	return c, nil
}

func (p *fakeProof) Tag(context.Context, string, string, []string) (Tag, error) {
	if p.tag.Commit == "" {
		return Tag{}, errors.New("nobody signed it")
	}
	return p.tag, nil
}

const channelsText = `
signers:
  ci: {key: ci.pub}
  people: {ssh: people}
channels:
  image:
  - name: next
    gate: {tests: [{name: unit, signers: [ci]}]}
  - name: testing
    from: next
    gate: {tests: [{name: boot, signers: [ci]}], approvals: {count: 1, signers: [ci], tags: [people]}}
    order: held
  - name: stable
    from: testing
    version: required
    gate: {tests: [{name: e2e, signers: [ci]}]}
  simple:
  - name: live
    gate: {tests: [{name: unit, signers: [ci]}]}
artifacts:
- {name: os, kind: image, location: HOST/os, locations: {stable: OTHER/prod/os}, channels: image, repository: here}
`

const pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"

// newWorld adds artifacts "a0", "a1" … of the simple channels, each in a repository of
// its own.
func newWorld(t *testing.T, simple int) *world {
	t.Helper()
	return newWorldOf(t, simple, false)
}

// newTrain couples the simple ones.
func newTrain(t *testing.T, simple int) *world {
	t.Helper()
	return newWorldOf(t, simple, true)
}

func newWorldOf(t *testing.T, simple int, coupled bool) *world {
	t.Helper()
	w := &world{T: t, proof: &fakeProof{failed: map[string]bool{}, approvers: []string{"ann"}}}
	w.proxy = registry.NewProxy(t, registry.Start(t, registry.InProcess).Host)
	w.other = registry.NewProxy(t, registry.Start(t, registry.InProcess).Host)
	text := strings.NewReplacer("HOST", w.proxy.Host, "OTHER", w.other.Host).Replace(channelsText)
	var names []string
	for i := range simple {
		names = append(names, fmt.Sprintf("a%d", i))
		text += fmt.Sprintf("- {name: a%d, kind: image, location: %s/a%d, channels: simple}\n", i, w.proxy.Host, i)
	}
	if coupled {
		text += "trains:\n- {name: all, channel: live, artifacts: [" + strings.Join(names, ", ") + "]}\n"
	}
	config, err := channel.Parse([]byte(text), func(string) ([]byte, error) { return []byte(pem), nil })
	if err != nil {
		t.Fatal(err)
	}
	if w.store, err = folder.New(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	w.Promoter = &Promoter{
		Config: config, Store: w.store, Registry: oci.New(oci.Config{}), Proof: w.proof,
		Who: "tester", Term: 2 * time.Second, Say: func(s string) { t.Log(s) },
	}
	return w
}

// push pushes a random image under the tag, and gives its digest.
func (w *world) push(repository, tag string) string {
	w.Helper()
	img, err := random.Image(64, 1)
	if err != nil {
		w.Fatal(err)
	}
	return w.pushImage(repository, tag, img)
}

func (w *world) pushImage(repository, tag string, img v1.Image) string {
	w.Helper()
	ref, err := name.NewTag(w.proxy.Host + "/" + repository + ":" + tag)
	if err == nil {
		err = remote.Write(ref, img)
	}
	if err != nil {
		w.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		w.Fatal(err)
	}
	return digest.String()
}

// points is the digest that a tag has; empty if there is none.
func (w *world) points(ref string) string {
	w.Helper()
	repository, tag := ref[:strings.LastIndex(ref, ":")], ref[strings.LastIndex(ref, ":")+1:]
	digest, err := oci.New(oci.Config{}).Resolve(w.Context(), repository, tag)
	if err != nil && !errors.Is(err, oci.ErrAbsent) {
		w.Fatal(err)
	}
	return digest
}

// want checks that a channel holds a digest, by its ledger and by its pointer.
func (w *world) want(full, digest string) {
	w.Helper()
	a, ch, err := w.Config.Channel(full)
	if err != nil {
		w.Fatal(err)
	}
	line, err := ledger.Read(w.Context(), w.store, full)
	if err != nil {
		w.Fatal(err)
	}
	if _, open := line.Open(); open {
		w.Errorf("%s has an open intent", full)
	}
	if holds, _ := line.Holds(); holds != digest {
		w.Errorf("%s holds %q by its ledger, want %q", full, holds, digest)
	}
	if live := w.points(a.At(ch.Name) + ":" + ch.Name); live != digest {
		w.Errorf("%s points to %q, want %q", full, live, digest)
	}
}

func (w *world) plan(requests ...Request) *Plan {
	w.Helper()
	plan, err := w.Plan(w.Context(), Order{Requests: requests})
	if err != nil {
		w.Fatal(err)
	}
	return plan
}

// promote plans and applies.
func (w *world) promote(requests ...Request) error {
	w.Helper()
	return w.Apply(w.Context(), w.plan(requests...))
}

func (w *world) mustPromote(requests ...Request) {
	w.Helper()
	if err := w.promote(requests...); err != nil {
		w.Fatal(err)
	}
}
