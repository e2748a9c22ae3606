package console

import (
	"slices"
	"strings"
)

const (
	// maxMatches is how many lines of one pattern are kept; the others are counted.
	maxMatches = 20
	// before and after are how many lines around a match are kept.
	before, after = 6, 24
	// maxShown is how much of a line is kept, in bytes.
	maxShown = 500
)

// Finding is what one pattern matched.
type Finding struct {
	Pattern  string   `json:"pattern"`
	Severity Severity `json:"severity"`
	Means    string   `json:"means"`
	Count    int      `json:"count"`
	Matches  []Match  `json:"matches"` // the first ones
}

// String is the finding in a line.
func (f Finding) String() string { return f.Pattern + ": " + f.Matches[0].Line }

// Match is a line that a pattern matched.
type Match struct {
	Line   string   `json:"line"`
	Number int      `json:"number,omitempty"` // of the line, from 1
	Before []string `json:"before,omitempty"` // lines around it
	After  []string `json:"after,omitempty"`

	wants int // more lines for After
}

// collector keeps findings with the lines around them.
type collector struct {
	lines    int // that were seen
	recent   [before][]byte
	findings []Finding
	wants    int // lines until no match wants more
}

// line takes a line and what matched it, and returns the findings of it.
func (c *collector) line(line []byte, matched []*Pattern) (found []Finding) {
	c.lines++
	if len(matched) > 0 || c.wants > 0 {
		text := shown(line)
		c.follow(text)
		for _, p := range matched {
			found = append(found, c.add(p, Match{Line: text, Number: c.lines, Before: c.last(), wants: after}))
		}
	}
	i := c.lines % before
	c.recent[i] = append(c.recent[i][:0], line[:min(len(line), maxShown)]...)
	return found
}

// follow adds a line to the matches before it.
func (c *collector) follow(text string) {
	if c.wants == 0 {
		return
	}
	c.wants--
	for i := range c.findings {
		for j := range c.findings[i].Matches {
			if m := &c.findings[i].Matches[j]; m.wants > 0 {
				m.After = append(m.After, text)
				m.wants--
			}
		}
	}
}

// last are the lines before this one, the oldest first.
func (c *collector) last() []string {
	var lines []string
	for n := max(1, c.lines-before); n < c.lines; n++ {
		lines = append(lines, shown(c.recent[n%before]))
	}
	return lines
}

// add counts a match, and keeps it if it is one of the first.
func (c *collector) add(p *Pattern, m Match) Finding {
	i := slices.IndexFunc(c.findings, func(f Finding) bool { return f.Pattern == p.Name })
	if i < 0 {
		c.findings = append(c.findings, p.finding(m))
		c.wants = max(c.wants, m.wants)
		return c.findings[len(c.findings)-1]
	}
	f := &c.findings[i]
	f.Count++
	if len(f.Matches) < maxMatches {
		f.Matches = append(f.Matches, m)
		c.wants = max(c.wants, m.wants)
	}
	return *f
}

// clone is a collector that can go on without changing this one.
func (c *collector) clone() *collector {
	clone := *c
	for i := range clone.recent {
		clone.recent[i] = slices.Clone(c.recent[i])
	}
	clone.findings = slices.Clone(c.findings)
	for i := range clone.findings {
		matches := slices.Clone(clone.findings[i].Matches)
		for j := range matches {
			matches[j].After = slices.Clone(matches[j].After)
		}
		clone.findings[i].Matches = matches
	}
	return &clone
}

// shown is a line as people and files take it.
func shown(line []byte) string {
	return strings.ToValidUTF8(string(line[:min(len(line), maxShown)]), "\uFFFD")
}
