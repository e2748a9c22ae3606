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
	for next := range t.inv.nodes[at].arrows() {
		switch {
		case !t.wanted(next) || t.number[next] < 0:
		case t.number[next] == 0:
			t.visit(next)
			t.low[at] = min(t.low[at], t.low[next])
		default:
			t.low[at] = min(t.low[at], t.number[next])
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

// orderGroup puts indexes before their children, always: a child's hash is in its
// index's, so this is no circle. Subjects come before their referrers as long as that
// makes none.
func (inv *Inventory) orderGroup(group []int32) {
	if len(group) == 1 {
		return
	}
	parents, subjects := make(map[int32]int, len(group)), make(map[int32]int, len(group))
	count := func(at int32, n int) {
		for _, child := range inv.nodes[at].children {
			parents[child] += n
		}
		for _, attached := range inv.nodes[at].attached {
			subjects[attached] += n
		}
	}
	for _, at := range group {
		count(at, 1)
	}
	ordered := group[:0:0]
	for rest := group; len(rest) > 0; {
		ready, others := divide(rest, func(at int32) bool { return parents[at]+subjects[at] == 0 })
		if len(ready) == 0 {
			ready, others = divide(rest, func(at int32) bool { return parents[at] == 0 })
		}
		for _, at := range ready {
			count(at, -1)
		}
		ordered, rest = append(ordered, ready...), others
	}
	copy(group, ordered)
}

func divide(all []int32, isFirst func(int32) bool) (first, rest []int32) {
	for _, at := range all {
		if isFirst(at) {
			first = append(first, at)
		} else {
			rest = append(rest, at)
		}
	}
	return first, rest
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
		for next := range inv.nodes[at].arrows() {
			if m[next] == "" && !reached[next] {
				reached[next], causes[next] = true, at
				todo = append(todo, next)
			}
		}
	}
	return causes
}

func isPlain(tag string) bool { _, is := attachedTo(tag); return !is }
