package retention

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// oracle decides what stays from the raw bytes of a registry and what the test itself
// knows of times and channels. It shares no code with the package: it spreads over
// plain maps, again and again, until nothing more is reached.
type oracle struct {
	manifests map[string][]byte
	tags      map[string]string
	held      map[string]bool      // digests that channels, intents and plans need
	forever   map[string]bool      // tags of channels, and versions by the ledger
	came      map[string]time.Time // of tagged digests
	now       time.Time
	last      int
	younger   time.Duration
}

// stays are the digests that must be there afterwards; all others must not.
func (o oracle) stays() map[string]bool {
	kept := maps.Clone(o.held)
	competing := map[string]bool{}
	for tag, digest := range o.tags {
		subject, rest, _ := strings.Cut(strings.TrimPrefix(tag, "sha256-"), ".")
		_, there := o.manifests["sha256:"+subject]
		switch {
		case strings.HasPrefix(tag, "sha256-") && there && (rest == "" || rest == "sig"):
		case !o.forever[tag] && len(tag) == 40 && strings.Trim(tag, "0123456789abcdef") == "":
			competing[digest] = true
		default:
			kept[digest] = true
		}
	}
	var times []time.Time
	for digest := range competing {
		times = append(times, o.came[digest])
	}
	slices.SortFunc(times, time.Time.Compare)
	for digest := range competing {
		notNewer, _ := slices.BinarySearchFunc(times, o.came[digest].Add(1), time.Time.Compare)
		if len(times)-notNewer < o.last || o.now.Sub(o.came[digest]) < o.younger {
			kept[digest] = true
		}
	}
	o.spread(kept)
	return kept
}

// spread adds what belongs to what is kept, until there is no more of it.
func (o oracle) spread(kept map[string]bool) {
	type links struct {
		Manifests []struct{ Digest string }
		Subject   struct{ Digest string }
	}
	parsed := map[string]links{}
	for digest, raw := range o.manifests {
		var l links
		if err := json.Unmarshal(raw, &l); err != nil {
			panic(err)
		}
		parsed[digest] = l
	}
	for before := -1; before != len(kept); {
		before = len(kept)
		for digest, l := range parsed {
			subject := l.Subject.Digest
			if subject != "" && (kept[digest] || kept[subject]) {
				kept[digest], kept[subject] = true, true
			}
			for _, child := range l.Manifests {
				if kept[digest] {
					kept[child.Digest] = true
				}
			}
		}
		for tag, digest := range o.tags {
			if subject, _, _ := strings.Cut(strings.TrimPrefix(tag, "sha256-"), "."); kept["sha256:"+subject] {
				kept[digest] = true
			}
		}
	}
	maps.DeleteFunc(kept, func(digest string, _ bool) bool { return o.manifests[digest] == nil })
}
