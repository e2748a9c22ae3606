package checks

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway.dev/slipway/internal/junit"
)

// Finding is one thing that a check found.
type Finding struct {
	Unit    string // what JUnit counts it under: a package, a folder, a file
	File    string // relative to the checkout; empty if it concerns no file
	Line    int    // 0 is the whole file
	Column  int    // 0 is the whole line
	Message string // may have more lines
}

// String is the finding as compilers write it, for people and editors.
func (f Finding) String() string {
	switch {
	case f.File == "":
		return f.Message
	case f.Line == 0:
		return fmt.Sprintf("%s: %s", f.File, f.Message)
	case f.Column == 0:
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message)
}

var location = regexp.MustCompile(`^([^\s:][^:]*):(\d+)(?::(\d+))?: (.*)$`)

// ParseFinding reads a line of the form file:line:column: message, whose file is
// relative to folder or absolute. ok is false for any other line.
func ParseFinding(root, folder, line string) (f Finding, ok bool) {
	match := location.FindStringSubmatch(line)
	if match == nil {
		return Finding{}, false
	}
	f = Finding{File: Relative(root, folder, match[1]), Message: match[4]}
	f.Line, _ = strconv.Atoi(match[2])
	f.Column, _ = strconv.Atoi(match[3])
	return f, true
}

// Relative names a file as seen from the checkout's root: one that lies outside
// stays absolute. folder is where a relative name begins.
func Relative(root, folder, file string) string {
	if !filepath.IsAbs(file) {
		file = filepath.Join(folder, file)
	}
	inside, err := filepath.Rel(root, file)
	if err != nil || !filepath.IsLocal(inside) {
		return file
	}
	return filepath.ToSlash(inside)
}

// Suite makes one case of each unit, and of each unit that only a finding names;
// it failed if there are findings about it. The first case carries the time that
// looking at all of them took.
func Suite(name string, units []string, findings []Finding, took time.Duration) junit.Suite {
	found := map[string][]Finding{}
	for _, f := range findings {
		found[f.Unit] = append(found[f.Unit], f)
		units = append(units, f.Unit)
	}
	units = slices.Compact(slices.Sorted(slices.Values(units)))
	suite := junit.Suite{Name: name}
	for _, unit := range units {
		suite.Cases = append(suite.Cases, junit.Case{Name: unit, Time: took, Failure: Failure(found[unit])})
		took = 0
	}
	return suite
}

// Failure words findings, each once: a package and its tests give the same twice.
// No findings are no failure.
func Failure(findings []Finding) *junit.Message {
	if len(findings) == 0 {
		return nil
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	var lines []string
	for _, f := range findings {
		if !slices.Contains(lines, f.String()) {
			lines = append(lines, f.String())
		}
	}
	first, _, _ := strings.Cut(lines[0], "\n")
	return &junit.Message{Line: first, Text: Clip(strings.Join(lines, "\n")+"\n", MaxText)}
}
