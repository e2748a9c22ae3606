package retention

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"time"

	"slipway.dev/slipway/internal/channel"
)

// rule is a rule of the configuration, made ready.
type rule struct {
	channel.Rule
	number int // from 1, as people count them in the file
	tags   *regexp.Regexp
}

func compileRules(rules []channel.Rule) ([]rule, error) {
	var compiled []rule
	for i, r := range rules {
		tags, err := regexp.Compile(`^(?:` + r.Tags + `)$`)
		if err != nil {
			return nil, fmt.Errorf("retention rule %d: tags: %w", i+1, err)
		}
		compiled = append(compiled, rule{r, i + 1, tags})
	}
	return compiled, nil
}

// String names the rule for people.
func (r rule) String() string { return fmt.Sprintf("rule %d (tags %s)", r.number, r.Tags) }

// speaksOf says whether the rule is about one of the artifacts.
func (r rule) speaksOf(artifacts []channel.Artifact) bool {
	return slices.ContainsFunc(artifacts, func(a channel.Artifact) bool {
		return slices.ContainsFunc(r.Artifacts, func(pattern string) bool {
			ok, _ := path.Match(pattern, a.Name) // checked when the configuration was loaded
			return ok
		})
	})
}

// versionTag is a tag that never moves and never goes.
var versionTag = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+([-._].*)?$`)

// Why something stays.
const (
	isVersion = "version tag"
	noRule    = "tag that no rule speaks of"
)

// candidates are the manifests with a tag that a rule speaks of.
type candidates struct {
	rule rule
	at   []int32 // each once
	tags int
}

// add takes a tag of a manifest in.
func (c *candidates) add(at int32) {
	c.tags++
	if len(c.at) == 0 || c.at[len(c.at)-1] != at { // tags come manifest by manifest
		c.at = append(c.at, at)
	}
}

// stay says which of the candidates the rule keeps, and why. Those that came at the
// same time count as one where the newest are counted: which of them is older nobody
// knows.
func (c *candidates) stay(inv *Inventory, now time.Time, keep func(at int32, why string)) {
	slices.SortFunc(c.at, func(a, b int32) int { return int(inv.nodes[b].since - inv.nodes[a].since) })
	newer := 0 // than the one that is looked at, strictly
	for i, at := range c.at {
		n := &inv.nodes[at]
		if i > 0 && inv.nodes[c.at[i-1]].since != n.since {
			newer = i
		}
		switch younger := time.Duration(c.rule.Keep.Younger); {
		case newer < c.rule.Keep.Last:
			keep(at, fmt.Sprintf("%s: one of the last %d", c.rule, c.rule.Keep.Last))
		case n.age(now) < younger:
			keep(at, fmt.Sprintf("%s: younger than %s", c.rule, younger))
		}
	}
}
