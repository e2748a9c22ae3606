package gotest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A profile says how often each block of statements ran, as go test writes it.
type profile struct {
	mode   string
	blocks map[string]block // by place: file.go:1.2,3.4
}

type block struct{ statements, count int }

// parseProfile reads a profile. A block that several test binaries reached is
// there once for each, and is made one.
func parseProfile(text string) (profile, error) {
	p := profile{blocks: map[string]block{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if mode, ok := strings.CutPrefix(line, "mode: "); ok {
			p.mode = mode
			continue
		}
		if line == "" {
			continue
		}
		place, b, err := parseBlock(line)
		if err != nil {
			return profile{}, err
		}
		b.count += p.blocks[place].count
		if p.mode == "set" {
			b.count = min(b.count, 1)
		}
		p.blocks[place] = b
	}
	return p, nil
}

func parseBlock(line string) (place string, b block, err error) {
	fields := strings.Fields(line)
	if len(fields) < 3 {
		return "", block{}, fmt.Errorf("%q is no line of a coverage profile", line)
	}
	numbers := fields[len(fields)-2:]
	if b.statements, err = strconv.Atoi(numbers[0]); err == nil {
		b.count, err = strconv.Atoi(numbers[1])
	}
	if err != nil {
		return "", block{}, fmt.Errorf("%q is no line of a coverage profile: %w", line, err)
	}
	return strings.TrimSuffix(line, " "+strings.Join(numbers, " ")), b, nil
}

// without drops the files for which drop holds; they are named by import path.
func (p profile) without(drop func(file string) bool) profile {
	kept := profile{mode: p.mode, blocks: maps.Clone(p.blocks)}
	dropped := map[string]bool{}
	for place := range p.blocks {
		file := place[:strings.LastIndex(place, ":")+1]
		if _, known := dropped[file]; !known {
			dropped[file] = drop(strings.TrimSuffix(file, ":"))
		}
		if dropped[file] {
			delete(kept.blocks, place)
		}
	}
	return kept
}

// total counts the statements, and those that ran.
func (p profile) total() (covered, statements int) {
	for _, b := range p.blocks {
		statements += b.statements
		if b.count > 0 {
			covered += b.statements
		}
	}
	return covered, statements
}

// String is the profile in the order of places, so that equal ones read alike.
func (p profile) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "mode: %s\n", p.mode)
	for _, place := range slices.Sorted(maps.Keys(p.blocks)) {
		fmt.Fprintf(&text, "%s %d %d\n", place, p.blocks[place].statements, p.blocks[place].count)
	}
	return text.String()
}
