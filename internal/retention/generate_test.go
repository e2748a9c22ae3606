package retention

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/ledger"
)

// generated is a registry with a history, made at random.
type generated struct {
	*world
	random                  *rand.Rand
	came                    map[string]time.Time
	recorded, held, forever map[string]bool
	all                     []string // digests that later ones may name
	serial                  int
}

// seed prints what a random test began with, so that it can be repeated.
func seed(t *testing.T, given uint64) *rand.Rand {
	t.Helper()
	if given == 0 {
		given = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", given)
	return rand.New(rand.NewPCG(given, 0))
}

// generate makes a registry of about so many tags, over several looks.
func generate(t *testing.T, random *rand.Rand, tags int) *generated {
	last, younger := 1+random.IntN(40), time.Duration(random.IntN(60))*day
	g := &generated{
		world: newWorld(t, channel.Rule{
			Artifacts: []string{"hello-os"}, Tags: "[0-9a-f]{40}", MaxShare: 1,
			Keep: channel.Keep{Last: last, Younger: channel.Duration(younger)},
		}),
		random: random, came: map[string]time.Time{}, recorded: map[string]bool{}, held: map[string]bool{},
		forever: map[string]bool{"next": true, "testing": true, "stable": true},
	}
	g.api = random.IntN(3) > 0
	g.apply.Stays = 1 + random.IntN(4)
	looks := 4
	for look := range looks {
		for len(g.tags) < tags*(look+1)/looks {
			g.grow()
		}
		for _, digest := range g.tags { // as the look will find them
			if _, known := g.came[digest]; !known {
				g.came[digest] = g.now
			}
		}
		g.moves()
		g.look()
		g.pass(time.Duration(random.IntN(int(20 * day))))
	}
	g.intents()
	return g
}

// grow adds an image or an index, and what may come with it.
func (g *generated) grow() {
	g.serial++
	note := fmt.Sprint(g.serial)
	var digest string
	if g.random.IntN(4) == 0 {
		digest = g.index(note, g.children(note), g.names()...)
	} else {
		digest = g.image(note, g.names()...)
	}
	g.all = append(g.all, digest)
	for g.random.IntN(4) == 0 {
		g.attach(digest)
	}
}

func (g *generated) any() string { return g.all[g.random.IntN(len(g.all))] }

// children are new ones and, at times, others that are there.
func (g *generated) children(note string) (children []string) {
	for i := range 1 + g.random.IntN(3) {
		if g.random.IntN(8) == 0 && len(g.all) > 0 {
			children = append(children, g.any())
			continue
		}
		child := g.image(fmt.Sprint(note, " child ", i))
		children, g.all = append(children, child), append(g.all, child)
	}
	return children
}

// names are the tags of an image: a commit's, nearly always.
func (g *generated) names() (tags []string) {
	switch n := g.random.IntN(60); {
	case n == 0:
		return []string{fmt.Sprintf("v1.%d.0", g.serial)}
	case n == 1:
		return []string{fmt.Sprint("nightly-", g.serial)}
	case n == 2:
		tags = append(tags, fmt.Sprint("also-", g.serial))
	case n < 6:
		tags = append(tags, sha(1_000_000+g.serial))
	}
	return append(tags, sha(g.serial))
}

// attach attaches something to a manifest, and at times something to that.
func (g *generated) attach(subject string) {
	g.serial++
	note := fmt.Sprint("attachment ", g.serial)
	spelled := strings.Replace(subject, ":", "-", 1)
	switch n := g.random.IntN(12); {
	case n == 0 && g.tags[spelled+".sig"] == "":
		g.image(note, spelled+".sig")
	case n == 1:
		g.referrer(note, subject, sha(2_000_000+g.serial)) // like an image's
	case n == 2 && len(g.all) > 0:
		g.list(subject, g.push(manifest{Manifests: []descriptor{{Digest: g.any()}}, Subject: &descriptor{Digest: subject}, Note: note}))
	default:
		referrer := g.referrer(note, subject)
		g.list(subject, referrer)
		if n == 3 {
			g.attach(referrer)
		}
	}
}

// list lists a referrer under the fallback tag, where the registry does not itself.
func (g *generated) list(subject, referrer string) {
	if g.api {
		return
	}
	var listed []string
	for _, other := range slices.Sorted(maps.Keys(g.referrers[subject])) {
		if other == referrer || len(g.tagsOf[other]) == 0 {
			listed = append(listed, other)
		}
	}
	tag := strings.Replace(subject, ":", "-", 1)
	before := g.tags[tag]
	if g.index("", listed, tag) != before { // nothing names the old list any more
		delete(g.manifests, before)
	}
}

// moves lets channels hold a few images, for those that they hold in the end.
func (g *generated) moves() {
	for _, name := range []string{"next", "testing", "stable"} {
		for range 1 + g.random.IntN(2) {
			digest := g.any()
			g.move(name, digest)
			g.remember(digest)
		}
	}
}

// remember lets the ledger's time be a digest's.
func (g *generated) remember(digest string) {
	if !g.recorded[digest] {
		g.recorded[digest] = true
		g.came[digest] = g.now
	}
}

// intents leaves a few intents open and plans in flight, and works out what is held.
func (g *generated) intents() {
	open, waiting, versioned := g.any(), g.any(), g.any()
	g.record("testing", ledger.Record{Kind: ledger.Intent, Digest: open})
	g.remember(open)
	g.apply.InFlight = func(context.Context) ([]string, error) { return []string{waiting}, nil }
	g.record("next", ledger.Record{Kind: ledger.Intent, Digest: versioned, Version: sha(77_000_000)})
	g.record("next", ledger.Record{Kind: ledger.Aside, Digest: versioned})
	g.remember(versioned)
	g.forever[sha(77_000_000)] = true
	g.tag(sha(77_000_000), versioned)
	g.held[open], g.held[waiting] = true, true
	for _, name := range []string{"next", "testing", "stable"} {
		line, err := ledger.Read(g.t.Context(), g.store, "hello-os/"+name)
		if err != nil {
			g.t.Fatal(err)
		}
		g.holdLast(line)
	}
}

// holdLast holds the last few distinct digests of a channel.
func (g *generated) holdLast(line ledger.Line) {
	distinct := map[string]bool{}
	for i := len(line.Records) - 1; i >= 0 && len(distinct) <= g.apply.Stays; i-- {
		if r := line.Records[i]; r.Kind == ledger.Done {
			distinct[r.Digest] = true
			g.held[r.Digest] = true
		}
	}
}

// oracle is the judge of the registry as it is now.
func (g *generated) oracle() oracle {
	rule := g.apply.Config.Retention[0]
	return oracle{
		manifests: maps.Clone(g.manifests), tags: maps.Clone(g.tags), held: maps.Clone(g.held), forever: g.forever,
		came: g.came, now: g.now, last: rule.Keep.Last, younger: time.Duration(rule.Keep.Younger),
	}
}
