package console

import (
	"regexp"
	"slices"
	"sync"
)

// scanner finds the patterns that match a line. Every byte goes once through an
// automaton (Aho and Corasick's) of the words without which no pattern matches; only a
// line that has such a word is matched against the expressions of that word.
type scanner struct {
	class   [256]uint16 // of a byte; 0 is every byte that is in no word
	classes int
	next    []uint16 // [state*classes + class] is the next state
	ends    [][]int  // the patterns whose words end in a state, by state
	all     []*expression
	flood   *Pattern
	hit     []bool // room for scan
}

// expression is a pattern that is compiled.
type expression struct {
	*Pattern
	match, unless *regexp.Regexp
}

func (e *expression) matches(line []byte) bool {
	return e.match.Match(line) && (e.unless == nil || !e.unless.Match(line))
}

// tables are the expressions and the automaton, which all scanners share.
var tables = sync.OnceValue(func() scanner { return build(Patterns()) })

// compiled is a scanner of all patterns; what the names of ignore find is ignored.
func compiled(ignore []string) *scanner {
	s := tables()
	s.hit = make([]bool, len(s.all))
	s.all = slices.Clone(s.all)
	for i, e := range s.all {
		s.all[i] = &expression{e.Pattern.ignored(ignore), e.match, e.unless}
	}
	s.flood = flooded.ignored(ignore)
	return &s
}

func build(patterns []Pattern) scanner {
	var s scanner
	var words [][]int // of each state its children by class
	s.classify(patterns)
	grow := func() int {
		words = append(words, make([]int, s.classes))
		s.ends = append(s.ends, nil)
		return len(words) - 1
	}
	grow()
	for i, p := range patterns {
		s.all = append(s.all, p.compile())
		for _, word := range p.words {
			state := 0
			for _, b := range []byte(word) {
				c := s.class[b]
				if words[state][c] == 0 {
					child := grow()
					words[state][c] = child
				}
				state = words[state][c]
			}
			s.ends[state] = append(s.ends[state], i)
		}
	}
	s.link(words)
	return s
}

// classify gives a class to each byte that is in a word.
func (s *scanner) classify(patterns []Pattern) {
	s.classes = 1
	for _, p := range patterns {
		for _, word := range p.words {
			for _, b := range []byte(word) {
				if s.class[b] == 0 {
					s.class[b] = uint16(s.classes)
					s.classes++
				}
			}
		}
	}
}

// link makes the automaton from the tree of words: where a word does not go on, it goes
// on as the longest other word whose beginning is the end of what was read.
func (s *scanner) link(words [][]int) {
	s.next = make([]uint16, len(words)*s.classes)
	fail := make([]int, len(words))
	queue := []int{0}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		for c, child := range words[state] {
			back := 0
			if state != 0 {
				back = int(s.next[fail[state]*s.classes+c])
			}
			if child == 0 {
				s.next[state*s.classes+c] = uint16(back)
				continue
			}
			s.next[state*s.classes+c] = uint16(child)
			fail[child] = back
			s.ends[child] = append(slices.Clone(s.ends[child]), s.ends[back]...)
			queue = append(queue, child)
		}
	}
}

// scan returns the patterns that match a line, in the table's order.
func (s *scanner) scan(line []byte) (matched []*Pattern) {
	state, some := 0, false
	for _, b := range line {
		state = int(s.next[state*s.classes+int(s.class[b])])
		if len(s.ends[state]) == 0 {
			continue
		}
		for _, i := range s.ends[state] {
			s.hit[i], some = true, true
		}
	}
	if !some {
		return nil
	}
	for i, hit := range s.hit {
		if hit {
			s.hit[i] = false
			if s.all[i].matches(line) {
				matched = append(matched, s.all[i].Pattern)
			}
		}
	}
	return matched
}
