package retention

import (
	"slices"
	"time"
)

// Inventory is what a repository holds, as far as its tags lead to it.
type Inventory struct {
	Repository string

	nodes []node
	index map[sum]int32
}

// node is a manifest. Two kinds of arrows lead away from it, and what is kept keeps
// what either leads to.
type node struct {
	digest   sum
	tags     []string
	below    []int32 // children of an index, and referrers
	above    []int32 // subjects of a referrer
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
	inv.nodes[parent].below = append(inv.nodes[parent].below, child)
}

func (inv *Inventory) addReferrer(subject, referrer int32) {
	inv.nodes[subject].below = append(inv.nodes[subject].below, referrer)
	inv.nodes[referrer].above = append(inv.nodes[referrer].above, subject)
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
		for _, next := range slices.Concat(last.below, last.above) {
			if m[next] == "" {
				m[next] = belongs
				todo = append(todo, next)
			}
		}
	}
}
