package retention

import (
	"iter"
	"time"
)

// Inventory is what a repository holds, as far as its tags lead to it.
type Inventory struct {
	Repository string

	nodes []node
	index map[sum]int32
}

// node is a manifest. What is kept keeps what any of its arrows leads to.
type node struct {
	digest   sum
	tags     []string
	children []int32 // of an index
	attached []int32 // referrers, and what a tag attaches to it
	subjects []int32 // of a referrer
	size     int64   // bytes of it and of the blobs that it names
	since    int64   // when it came, in seconds since 1970; of tagged ones
	missing  bool    // something names it, and it is not there
	doubtful bool    // what names it does not say that it is there
	left     bool    // a run that did not finish was to delete it
}

func newInventory(repository string) *Inventory {
	return &Inventory{Repository: repository, index: map[sum]int32{}}
}

// add finds a manifest's place, and makes it if there is none.
func (inv *Inventory) add(digest sum) (at int32) {
	at, known := inv.index[digest]
	if !known {
		at = int32(len(inv.nodes))
		inv.nodes = append(inv.nodes, node{digest: digest})
		inv.index[digest] = at
	}
	return at
}

func (inv *Inventory) addChild(parent, child int32) {
	inv.nodes[parent].children = append(inv.nodes[parent].children, child)
}

// attach lets something belong to a manifest, without leading back: an empty list of
// referrers may be that of many.
func (inv *Inventory) attach(to, at int32) {
	inv.nodes[to].attached = append(inv.nodes[to].attached, at)
}

func (inv *Inventory) addReferrer(subject, referrer int32) {
	inv.attach(subject, referrer)
	inv.nodes[referrer].subjects = append(inv.nodes[referrer].subjects, subject)
}

// arrows are all that lead away from it.
func (n *node) arrows() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for _, kind := range [][]int32{n.children, n.attached, n.subjects} {
			for _, at := range kind {
				if !yield(at) {
					return
				}
			}
		}
	}
}

// there are the manifests that are not missing.
func (inv *Inventory) there() (n int) {
	for i := range inv.nodes {
		if !inv.nodes[i].missing {
			n++
		}
	}
	return n
}

func (inv *Inventory) tags() (n int) {
	for i := range inv.nodes {
		n += len(inv.nodes[i].tags)
	}
	return n
}

// age is how long ago a manifest came; one that came in the future came now.
func (n *node) age(now time.Time) time.Duration {
	return max(0, now.Sub(time.Unix(n.since, 0)))
}

// marks say why each manifest is kept; empty is not at all.
type marks []string

// belongs is why a manifest is kept that something else leads to.
const belongs = "belongs to what is kept"

// keep marks a manifest, and all that it leads to.
func (inv *Inventory) keep(m marks, at int32, why string) {
	if m[at] != "" && m[at] != belongs {
		return
	}
	reached := m[at] != ""
	m[at] = why
	if reached {
		return
	}
	for todo := []int32{at}; len(todo) > 0; {
		last := &inv.nodes[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		for next := range last.arrows() {
			if m[next] == "" {
				m[next] = belongs
				todo = append(todo, next)
			}
		}
	}
}
