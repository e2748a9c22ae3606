package retention

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Plan is what is to be deleted from a repository, in that order: whatever holds
// something comes before what it holds.
type Plan struct {
	Repository string         `json:"repository"`
	Hash       string         `json:"hash"` // over the repository and what is to be deleted, and nothing that drifts
	Manifests  int            `json:"manifests"`
	Tags       int            `json:"tags"`
	Delete     []Deletion     `json:"delete"`
	Keep       map[string]int `json:"keep"` // manifests by why they stay
}

// Deletion is a manifest that is to go, with all of its tags.
type Deletion struct {
	Digest string   `json:"digest"`
	Tags   []string `json:"tags,omitempty"`
	Why    string   `json:"why"`
	Age    int64    `json:"age,omitempty"` // seconds; of tagged ones
	Size   int64    `json:"size"`          // of it and the blobs that it names, which others may share
}

// View is all that a plan of a repository is made of.
type View struct {
	Inventory *Inventory
	Roots     Roots
	Now       time.Time

	rules []rule
	past  past
}

// past is what became of earlier runs.
type past struct {
	deleted    map[sum]int64
	unfinished []string // their folders in the store
}

// Plan decides what is to go.
func (v *View) Plan() Plan {
	m, _ := v.marks()
	return v.plan(m)
}

// marks decides what stays, and counts the tags that each rule speaks of.
func (v *View) marks() (marks, map[int]int) {
	inv := v.Inventory
	m := make(marks, len(inv.nodes))
	for digest, why := range v.Roots.digests {
		if at, here := inv.index[digest]; here {
			inv.keep(m, at, why)
		}
	}
	found := make([]candidates, len(v.rules))
	for at := range int32(len(inv.nodes)) {
		if inv.nodes[at].missing {
			continue // a tag that leads nowhere is none of the last N
		}
		for _, tag := range inv.nodes[at].tags {
			if why := v.root(at, tag, found); why != "" {
				inv.keep(m, at, why)
			}
		}
	}
	spoken := map[int]int{}
	for i, r := range v.rules {
		found[i].rule = r
		found[i].stay(inv, v.Now, func(at int32, why string) { inv.keep(m, at, why) })
		spoken[r.number] = found[i].tags
	}
	return m, spoken
}

// root says why what a tag names stays whatever the rules say. If they decide, the
// manifest becomes a candidate of each that speaks of the tag.
func (v *View) root(at int32, tag string, found []candidates) string {
	if why := v.Roots.tags[tag]; why != "" {
		return why
	}
	if versionTag.MatchString(tag) {
		return isVersion
	}
	if v.goesWithSubject(at, tag) {
		return ""
	}
	spoken := false
	for i, r := range v.rules {
		if r.tags.MatchString(tag) {
			spoken = true
			found[i].add(at)
		}
	}
	if spoken {
		return ""
	}
	return noRule
}

// goesWithSubject says whether a tag only belongs to what it spells, and stays or goes
// as that does. If that is gone, rules speak of the tag as of others, unless it was to
// go with it.
func (v *View) goesWithSubject(at int32, tag string) bool {
	inv := v.Inventory
	subject, is := attachedTo(tag)
	return is && (inv.nodes[at].left || !inv.nodes[inv.index[subject]].missing)
}

// plan lists what is not marked.
func (v *View) plan(m marks) Plan {
	inv := v.Inventory
	p := Plan{Repository: inv.Repository, Manifests: inv.there(), Tags: inv.tags(), Delete: []Deletion{}, Keep: map[string]int{}}
	for at, why := range m {
		if why != "" && !inv.nodes[at].missing {
			p.Keep[why]++
		}
	}
	causes := inv.causes(m)
	for _, group := range inv.order(m) {
		for _, at := range group {
			p.Delete = append(p.Delete, v.deletion(at, causes[at]))
		}
	}
	p.Hash = p.hash()
	return p
}

func (v *View) deletion(at, cause int32) Deletion {
	n := &v.Inventory.nodes[at]
	d := Deletion{Digest: n.digest.String(), Tags: n.tags, Size: n.size}
	switch {
	case cause >= 0:
		d.Why = "goes with " + v.Inventory.nodes[cause].digest.String()
	case n.left:
		d.Why = "left over from a run that did not finish"
	default:
		d.Why = "no rule keeps it"
	}
	if len(n.tags) > 0 {
		d.Age = int64(n.age(v.Now) / time.Second)
	}
	return d
}

// hash names a plan by what it deletes.
func (p *Plan) hash() string {
	type part struct {
		Digest string
		Tags   []string
	}
	parts := make([]part, 0, len(p.Delete))
	for _, d := range p.Delete {
		parts = append(parts, part{d.Digest, d.Tags})
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.Digest, b.Digest) })
	h := sha256.New()
	_ = json.NewEncoder(h).Encode(p.Repository) // a hash takes everything
	encoder := json.NewEncoder(h)
	for _, part := range parts {
		_ = encoder.Encode(part)
	}
	return algorithm + hex.EncodeToString(h.Sum(nil))
}

// Size is what the plan's manifests and their blobs take at most; blobs that several
// share count for each.
func (p *Plan) Size() (bytes int64) {
	for _, d := range p.Delete {
		bytes += d.Size
	}
	return bytes
}

// Share is the part of the repository's manifests that goes.
func (p *Plan) Share() float64 {
	if p.Manifests == 0 {
		return 0
	}
	return float64(len(p.Delete)) / float64(p.Manifests)
}

// Reasons are those of Keep, most manifests first.
func (p *Plan) Reasons() []string {
	return slices.SortedFunc(maps.Keys(p.Keep), func(a, b string) int {
		if p.Keep[a] != p.Keep[b] {
			return p.Keep[b] - p.Keep[a]
		}
		return cmp.Compare(a, b)
	})
}
