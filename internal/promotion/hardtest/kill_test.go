package hardtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/lease"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/testkit/registry"
)

const (
	edges         = 50
	copied        = 10 // of the edges into live lead to another registry
	killsOfARound = 5
	killedTerm    = 400 * time.Millisecond
)

// killed are the worlds, each with its kills: 200 in all.
var killed = []struct {
	kind  registry.Kind
	kills int
}{{registry.InProcess, 52}, {registry.InProcess, 52}, {registry.InProcess, 52}, {registry.Debian, 22}, {registry.Distribution, 22}}

// TestKilled kills promoters of 50 edges at 200 random points. Whoever runs next
// finishes: every tag is right, was written once, and every line is whole.
func TestKilled(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	began := time.Now()
	all := &tally{phases: map[phase]int{}}
	t.Run("worlds", func(t *testing.T) {
		for i, tt := range killed {
			t.Run(fmt.Sprintf("%d %s", i, tt.kind), func(t *testing.T) {
				t.Parallel()
				newKilling(t, tt.kind, rand.New(rand.NewPCG(seed, uint64(i))), all).rounds(tt.kills)
			})
		}
	})
	t.Logf("%d kills in %d rounds, %.0f s: %v", all.kills, all.rounds, time.Since(began).Seconds(), all.phases)
	for _, p := range []phase{beforeIntents, openIntents, allDone} {
		if all.phases[p] == 0 {
			t.Errorf("no kill fell %s; the points are not spread", p)
		}
	}
}

// killing is the world of promoters that are killed.
type killing struct {
	*world
	random *rand.Rand
	all    *tally
	kills  int
	images [2]map[string]string // two digests of each artifact
	usual  map[string]time.Duration
	before map[string]int // records of each line when the round began
}

func newKilling(t *testing.T, kind registry.Kind, random *rand.Rand, all *tally) *killing {
	t.Helper()
	text := `
signers: {ci: {key: ci.pub}}
channels:
  image:
  - {name: next, gate: {tests: [{name: unit, signers: [ci]}]}}
  - {name: live, from: next, gate: {tests: [{name: boot, signers: [ci]}]}}
artifacts:
`
	for i, name := range numbered(edges) {
		live := "HERE"
		if i < copied {
			live = "THERE"
		}
		text += fmt.Sprintf("- {name: %s, kind: image, location: HERE/%s, locations: {live: %s/%s}, channels: image}\n", name, name, live, name)
	}
	k := &killing{world: newWorld(t, kind, text, "ci"), random: random, all: all, usual: map[string]time.Duration{}}
	k.Term = killedTerm
	for i := range k.images {
		k.images[i] = k.pushTested(numbered(edges), "unit", "boot")
	}
	return k
}

// rounds moves the images into next, then into live, then the other images. The first
// round of each channel is not killed and tells how long a run usually takes.
func (k *killing) rounds(kills int) {
	for n := 0; k.kills < kills && !k.Failed(); n++ {
		if n == kills {
			k.Fatalf("%d rounds, and only %d kills", n, k.kills)
		}
		k.round([]string{"next", "live"}[n%2], k.images[n/2%2])
	}
}

// round moves all images into a channel, however often it is killed on the way.
func (k *killing) round(channel string, digests map[string]string) {
	j := job{setting: k.setting, Who: "promoter", Audits: true, Requests: k.requests(channel, digests)}
	k.here.Forget()
	k.there.Forget()
	k.before = map[string]int{}
	for _, r := range j.Requests {
		k.before[r.Channel] = len(k.line(r.Channel).Records)
	}
	if k.usual[channel] > 0 {
		k.kill(j, channel)
	}
	took := k.finish(j)
	if k.usual[channel] == 0 {
		k.usual[channel] = took
		k.Logf("a run into %s takes %s", channel, took.Round(time.Millisecond))
	}
	k.check(channel, digests)
	k.all.mu.Lock()
	defer k.all.mu.Unlock()
	k.all.rounds++
}

func (k *killing) requests(channel string, digests map[string]string) []promotion.Request {
	var all []promotion.Request
	for _, name := range numbered(edges) {
		r := promotion.Request{Channel: name + "/" + channel}
		if channel == "next" {
			r.Digest = digests[name]
		}
		all = append(all, r)
	}
	return all
}

// kill runs the job a few times, and kills each run; one that ends before ends it.
func (k *killing) kill(j job, channel string) {
	var open bool
	for i := range killsOfARound {
		length := k.usual[channel] * 11 / 10
		if open {
			length += killedTerm
		}
		took, err := k.process(j, 1+time.Duration(k.random.Int64N(int64(length))))
		if err == nil {
			if i == 0 { // all of it: the machine is less busy than it was
				k.usual[channel] = min(k.usual[channel], took)
			}
			return
		}
		if !errors.Is(err, errKilled) {
			k.Errorf("a run that was not killed: %v", err)
			return
		}
		open = k.count(j)
	}
}

// finish runs the job to its end. On a machine that is busy enough a run cannot keep its
// lease alive, and says so; then the next one finishes.
func (k *killing) finish(j job) (took time.Duration) {
	var err error
	for range 5 {
		if took, err = k.process(j, 0); err == nil {
			return took
		}
		if !strings.Contains(err.Error(), lease.ErrLost.Error()) {
			break
		}
		k.Log(err)
	}
	k.Fatalf("the run after the kills: %v", err)
	return 0
}

// check is what must hold after every round.
func (k *killing) check(channel string, digests map[string]string) {
	want, puts := map[string]string{}, map[string]int{}
	for name, digest := range digests {
		want[name+"/"+channel] = digest
		puts[name+":"+channel] = 1
		k.checkLine(name + "/" + channel)
	}
	k.want(want)
	if diff := cmp.Diff(puts, k.puts()); diff != "" {
		k.Errorf("writes of tags (-want +got):\n%s", diff)
	}
}

// puts are those that both registries took.
func (k *killing) puts() map[string]int {
	puts := k.here.Puts()
	for tag, n := range k.there.Puts() {
		puts[tag] += n
	}
	return puts
}

// checkLine checks that a line has one more intent and its end, with who took over in
// between. Before them only a run that lost its lease may have given an intent up.
func (k *killing) checkLine(full string) {
	line := k.line(full)
	var kinds []string
	for _, r := range line.Records[k.before[full]:] {
		if r.Kind == ledger.Aside && strings.Contains(r.Why, lease.ErrLost.Error()) {
			kinds = nil
			continue
		}
		if r.Kind != ledger.Resume {
			kinds = append(kinds, string(r.Kind))
		}
	}
	if got := strings.Join(kinds, " "); got != "intent done" {
		k.Errorf("%s: the round wrote %q", full, got)
	}
}
