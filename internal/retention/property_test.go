package retention

import (
	"testing"
	"time"
)

// Nothing that stays leads to is deleted, and all else is. The whole of it at the size
// of a large project, and many small ones for what is rare.
func TestProperty(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		tags, times int
	}{{"twenty thousand tags", 20_000, 1}, {"small", 60, 10}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range tt.times {
				checkGenerated(t, tt.tags)
			}
		})
	}
}

func checkGenerated(t *testing.T, tags int) {
	g := generate(t, seed(t, 0), tags)
	g.habit = []habit{takesTags, leavesTags, refusesTags}[g.random.IntN(3)]
	g.apply.Batch = 1 + g.random.IntN(tags)/20
	stays := g.oracle().stays()
	before, begin := len(g.manifests), time.Now()
	plan := g.plan()
	planned := time.Since(begin)
	out := g.carryOut(plan)
	t.Logf("%d manifests under %d tags: planned in %s, %d deleted in %s; %v", before, plan.Tags, planned.Round(time.Millisecond), out.Deleted,
		(time.Since(begin) - planned).Round(time.Millisecond), g.requests)
	there := map[string]bool{}
	for _, digest := range g.digests() {
		there[digest] = true
		if !stays[digest] {
			t.Errorf("%s is still there: %s", digest, g.manifests[digest])
		}
	}
	for digest := range stays {
		if !there[digest] {
			t.Errorf("%s was wanted and is gone", digest)
		}
	}
	for tag, digest := range g.tags {
		if !there[digest] {
			t.Errorf("tag %s names %s, which is gone", tag, digest)
		}
	}
	if len(plan.Delete) != before-len(stays) || out.Deleted != len(plan.Delete) || len(out.Kept)+len(out.Aside) > 0 {
		t.Errorf("%d were planned and %d deleted, want %d; kept %v, aside %v", len(plan.Delete), out.Deleted, before-len(stays), out.Kept, out.Aside)
	}
	if again := g.plan(); len(again.Delete) > 0 {
		t.Errorf("a second plan deletes %d more", len(again.Delete))
	}
}
