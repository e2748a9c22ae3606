package console

import (
	"regexp"
	"slices"
)

// Severity is how bad a finding is.
type Severity string

// The severities.
const (
	Fatal   Severity = "fatal"   // the guest will not come back: the boot ends early
	Error   Severity = "error"   // the guest goes on, and something in it is broken
	Warning Severity = "warning" // somebody should look at it; no test fails of it
	Ignored Severity = "ignored" // looks bad, and is usual where machines are emulated
)

// Bad says whether a test of the console fails of it.
func (s Severity) Bad() bool { return s == Fatal || s == Error }

// Pattern is a failure that is known by what a console shows of it.
type Pattern struct {
	Name     string
	Severity Severity
	Means    string // what happened, and where to look

	words  []string // a line without any of these does not match
	match  string   // expression of a line; one that is fatal must match a line that goes on, too
	unless string   // expression of lines that do not count
}

func (p *Pattern) compile() *expression {
	e := &expression{Pattern: p, match: regexp.MustCompile(p.match)}
	if p.unless != "" {
		e.unless = regexp.MustCompile(p.unless)
	}
	return e
}

func (p *Pattern) finding(m Match) Finding {
	return Finding{Pattern: p.Name, Severity: p.Severity, Means: p.Means, Count: 1, Matches: []Match{m}}
}

// ignored is the pattern, of severity Ignored if it is one of names.
func (p *Pattern) ignored(names []string) *Pattern {
	if !slices.Contains(names, p.Name) {
		return p
	}
	ignored := *p
	ignored.Severity = Ignored
	return &ignored
}

// Flood is the name of the finding that a guest printed more than is kept.
const Flood = "console-flood"

var flooded = Pattern{
	Name: Flood, Severity: Fatal,
	Means: "the guest prints without end, and no more of it is kept; look at what it repeats",
	words: []string{"[slipway: the console printed more"}, match: `^\[slipway: the console printed more than \d+ bytes; what follows`,
}

// Patterns are all patterns that are looked for, in the order in which findings of one line are told.
func Patterns() []Pattern {
	return slices.Concat([]Pattern{flooded}, firmwarePatterns, kernelPatterns, memoryPatterns, storagePatterns, bootPatterns, unitPatterns, programPatterns)
}

// Known says whether a finding can have this name, for whoever names one in a file.
func Known(name string) bool {
	return slices.ContainsFunc(Patterns(), func(p Pattern) bool { return p.Name == name })
}

// kernel begins a message of the kernel, on a console and in a journal.
const kernel = `(?:^|\] |kernel: |<\d>)`
