package runner

import (
	"cmp"
	"fmt"
	"slices"

	"slipway.dev/slipway/internal/guest/plan"
)

// item is what one worker does, on machines of its own.
type item struct {
	name  string       // of its machines
	tests []*plan.Test // one after the other
	look  bool         // takes what there is to see of the boot, at its end
}

// worthwhile is how many tests that only look are worth a machine more: to restore one
// takes as long as a few of them.
const worthwhile = 8

// schedule divides tests among machines, as many as jobs at a time. Tests that change the
// guest take the longest and begin, unless the first item gets the machine that was booted
// (restored is false): then those that share it do. The look at the boot has a restored
// machine of its own beside the tests, if there may be two.
func schedule(tests []*plan.Test, jobs int, restored bool) []item {
	var alone []item
	var shared []*plan.Test
	for _, t := range tests {
		if t.Alone() {
			alone = append(alone, item{name: t.Name, tests: []*plan.Test{t}})
		} else {
			shared = append(shared, t)
		}
	}
	slices.SortStableFunc(alone, func(a, b item) int { return cmp.Compare(b.tests[0].Boots(), a.tests[0].Boots()) })
	if !restored {
		batches := split(shared, 1)
		batches[0].look = true
		return append(batches, alone...)
	}
	beside := jobs > 1
	if beside {
		alone = append(alone, item{name: "look", look: true})
	}
	batches := split(shared, max(1, min(jobs-len(alone), (len(shared)+worthwhile-1)/worthwhile)))
	batches[0].look = !beside
	return append(alone, batches...)
}

// split divides tests into parts of about a size, in their order.
func split(tests []*plan.Test, parts int) []item {
	var items []item
	for i := range parts {
		items = append(items, item{
			name:  fmt.Sprintf("shared-%d", i+1),
			tests: tests[len(tests)*i/parts : len(tests)*(i+1)/parts],
		})
	}
	return items
}
