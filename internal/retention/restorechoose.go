package retention

import (
	"fmt"
	"slices"
)

// restoring is one restoration at work. Nodes are those of its inventory, which holds
// all that any run wrote down.
type restoring struct {
	*Restorer
	archive *archive
	inv     *Inventory
	roots   Roots
	damaged []Damage

	from   map[int32]entry     // those that come back
	items  map[int32]*Returned // of those, and of the children that no run wrote down
	levels [][]int32           // of from; what a manifest names is in an earlier level
}

// choose finds what is wanted, with all that retention would have kept with it, from
// whichever run wrote that down.
func (a *archive) choose(w Wanted) (*restoring, error) {
	if len(a.runs) == 0 {
		return nil, fmt.Errorf("put back into %s: no run of retention deleted anything from there; check the repository's name and --store", a.repository)
	}
	run := w.Run
	if run == "" && len(w.Digests) == 0 {
		run = a.runs[len(a.runs)-1].Name
	}
	j := &restoring{archive: a, inv: newInventory(a.repository), from: map[int32]entry{}, items: map[int32]*Returned{}}
	if err := j.find(run, w.Digests); err != nil {
		return nil, err
	}
	entries := a.entries(run)
	j.link(entries)
	j.follow(entries, w.Digests, run)
	return j, nil
}

// find sees that the run and the digests are there.
func (j *restoring) find(run string, digests []string) error {
	a := j.archive
	at := slices.IndexFunc(a.runs, func(r *Run) bool { return r.Name == run })
	if run != "" && at < 0 {
		return fmt.Errorf("put back into %s: there is no run %q; `slipway retention restore --list` lists them", a.repository, run)
	}
	if len(digests) == 0 {
		j.damaged = a.runs[at].Damaged
	}
	for _, digest := range digests {
		s, err := parseSum(digest)
		if err != nil {
			return fmt.Errorf("put back into %s: %w", a.repository, err)
		}
		if !slices.ContainsFunc(a.saved[s], func(e entry) bool { return run == "" || e.run.Name == run }) {
			return fmt.Errorf("put back into %s: no such run wrote %s down; `slipway retention restore --list` lists the runs, and what is damaged of them", a.repository, digest)
		}
	}
	return nil
}

// entries gives of every manifest the one that a run wrote down or, if that did not,
// the last one.
func (a *archive) entries(run string) map[sum]entry {
	entries := make(map[sum]entry, len(a.saved))
	for digest, all := range a.saved {
		entries[digest] = all[len(all)-1]
		for _, e := range all {
			if e.run.Name == run {
				entries[digest] = e
			}
		}
	}
	return entries
}

// link makes the inventory.
func (j *restoring) link(entries map[sum]entry) {
	for digest, e := range entries {
		at := j.inv.add(digest)
		for _, child := range e.facts.Children {
			j.inv.addChild(at, j.inv.add(child))
		}
		if e.facts.Subject != nil {
			j.inv.addReferrer(j.inv.add(*e.facts.Subject), at)
		}
		for _, tag := range e.Tags {
			if subject, is := attachedTo(tag); is {
				j.inv.attach(j.inv.add(subject), at)
			}
		}
	}
}

// follow marks what is wanted and all that it leads to.
func (j *restoring) follow(entries map[sum]entry, digests []string, run string) {
	m := make(marks, len(j.inv.nodes))
	for digest, e := range entries {
		if slices.Contains(digests, e.Digest) || len(digests) == 0 && e.run.Name == run {
			j.inv.keep(m, j.inv.index[digest], "wanted")
		}
	}
	for i, why := range m {
		if why == "" {
			continue
		}
		at := int32(i)
		item := &Returned{Digest: j.inv.nodes[at].digest.String(), State: Missing}
		if e, saved := entries[j.inv.nodes[at].digest]; saved {
			j.from[at], item.Run = e, e.run.Name
			for _, tag := range e.Tags {
				item.Tags = append(item.Tags, ReturnedTag{Tag: tag, State: Missing})
			}
		}
		j.items[at] = item
	}
}

// sort orders what comes back into levels. A digest is in what names it, so there are
// no circles.
func (j *restoring) sort() {
	known := map[int32]int{}
	var level func(at int32) int
	level = func(at int32) int {
		if n, done := known[at]; done {
			return n
		}
		n := 0
		for _, named := range slices.Concat(j.inv.nodes[at].children, j.inv.nodes[at].subjects) {
			n = max(n, 1+level(named))
		}
		known[at] = n
		return n
	}
	for at := range j.from {
		n := level(at)
		for len(j.levels) <= n {
			j.levels = append(j.levels, nil)
		}
		j.levels[n] = append(j.levels[n], at)
	}
	for _, level := range j.levels {
		slices.SortFunc(level, func(a, b int32) int { return j.inv.nodes[a].digest.compare(j.inv.nodes[b].digest) })
	}
}

// result is what became of everything so far.
func (j *restoring) result() Restoration {
	out := Restoration{Repository: j.archive.repository, Manifests: []Returned{}, Damaged: j.damaged}
	for _, at := range slices.Concat(j.levels...) {
		out.Manifests = append(out.Manifests, *j.items[at])
	}
	return out
}
