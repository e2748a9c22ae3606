package retention

import "slices"

// order lists the manifests that are not marked, in groups. A manifest comes after, or
// in the same group as, everything that would keep it: at any point between two groups,
// what is left to be deleted is still whole, and can still be kept. Within a group,
// indexes come before their children and subjects before their referrers.
//
// The groups are the strongly connected components of the arrows along which keeping
// goes, which Tarjan's algorithm finds last ones first.
func (inv *Inventory) order(m marks) [][]int32 {
	t := &tarjan{inv: inv, marks: m, number: make([]int32, len(inv.nodes)), low: make([]int32, len(inv.nodes))}
	for at := int32(len(inv.nodes)) - 1; at >= 0; at-- {
		if t.wanted(at) && t.number[at] == 0 {
			t.visit(at)
		}
	}
	slices.Reverse(t.groups)
	for _, group := range t.groups {
		inv.orderGroup(group)
	}
	return t.groups
}

type tarjan struct {
	inv    *Inventory
	marks  marks
	number []int32 // order of the first visit, from 1; below 0 once its group is known
	low    []int32
	stack  []int32
	count  int32
	groups [][]int32
}

// wanted says whether a manifest goes.
func (t *tarjan) wanted(at int32) bool { return t.marks[at] == "" && !t.inv.nodes[at].missing }

func (t *tarjan) visit(at int32) {
	t.count++
	t.number[at], t.low[at] = t.count, t.count
	t.stack = append(t.stack, at)
	n := &t.inv.nodes[at]
	for _, arrows := range [][]int32{n.below, n.above} {
		for _, next := range arrows {
			switch {
			case !t.wanted(next) || t.number[next] < 0:
			case t.number[next] == 0:
				t.visit(next)
				t.low[at] = min(t.low[at], t.low[next])
			default:
				t.low[at] = min(t.low[at], t.number[next])
			}
		}
	}
	if t.low[at] == t.number[at] {
		t.close(at)
	}
}

// close takes the group of at off the stack.
func (t *tarjan) close(at int32) {
	begin := len(t.stack) - 1
	for t.stack[begin] != at {
		begin--
	}
	group := slices.Clone(t.stack[begin:])
	t.stack = t.stack[:begin]
	for _, member := range group {
		t.number[member] = -1
	}
	t.groups = append(t.groups, group)
}

// orderGroup puts what is above first. Where arrows go in a circle, which hashes allow
// only by way of referrers, somebody has to be first.
func (inv *Inventory) orderGroup(group []int32) {
	if len(group) == 1 {
		return
	}
	above := inv.countAbove(group)
	rest := slices.Clone(group)
	slices.SortStableFunc(rest, func(a, b int32) int { return above[a] - above[b] })
	ordered := group[:0]
	take := func(at int32) {
		if _, left := above[at]; left {
			delete(above, at)
			ordered = append(ordered, at)
		}
	}
	for taken := 0; len(rest) > 0; rest = rest[1:] {
		take(rest[0])
		for ; taken < len(ordered); taken++ {
			for _, next := range inv.nodes[ordered[taken]].below {
				if _, left := above[next]; !left {
					continue
				}
				if above[next]--; above[next] == 0 {
					take(next)
				}
			}
		}
	}
}

// countAbove says of each of a group how many arrows of the group lead down to it.
func (inv *Inventory) countAbove(group []int32) map[int32]int {
	above := make(map[int32]int, len(group))
	for _, at := range group {
		above[at] = 0
	}
	for _, at := range group {
		for _, next := range inv.nodes[at].below {
			if _, in := above[next]; in {
				above[next]++
			}
		}
	}
	return above
}

// causes tells of each manifest that goes without being told to by a tag which one
// takes it along; -1 for the others.
func (inv *Inventory) causes(m marks) []int32 {
	causes := make([]int32, len(inv.nodes))
	var todo []int32
	for at := range inv.nodes {
		causes[at] = -1
		n := &inv.nodes[at]
		if m[at] == "" && !n.missing && slices.ContainsFunc(n.tags, isPlain) {
			todo = append(todo, int32(at))
		}
	}
	reached := make([]bool, len(inv.nodes))
	for _, at := range todo {
		reached[at] = true
	}
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		for _, next := range inv.nodes[at].below {
			if m[next] == "" && !reached[next] {
				reached[next], causes[next] = true, at
				todo = append(todo, next)
			}
		}
	}
	return causes
}

func isPlain(tag string) bool { _, is := attachedTo(tag); return !is }
