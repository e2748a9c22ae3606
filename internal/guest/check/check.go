// Package check looks at a running guest for what is expected of it.
//
// Each kind of check is a small type that a test plan fills in. A check only looks: it
// changes nothing in the guest, needs nothing there beyond what the guest has anyway, and
// says in plain words what is there and what was wanted. A guest that does not answer, or
// lacks the program that would tell, is a finding like any other.
package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"slipway.dev/slipway/internal/guest"
)

// Check is one thing that is expected of a guest.
type Check interface {
	// Validate says what is wrong with the expectation itself.
	Validate() error

	// Check looks at the guest and returns what is not as expected, a line each.
	Check(ctx context.Context, g guest.Guest) []string
}

// Pattern is a regular expression (RE2) in a plan.
type Pattern struct{ *regexp.Regexp }

// UnmarshalYAML compiles the expression.
func (p *Pattern) UnmarshalYAML(node *yaml.Node) error {
	var text string
	if err := node.Decode(&text); err != nil {
		return err
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	p.Regexp = compiled
	return nil
}

// mismatch says that text does not match the pattern, or "" if it does. The newline that
// ends a text does not count, so that ^...$ is all of a line, and ^$ is nothing.
func (p *Pattern) mismatch(what string, text []byte) string {
	if p == nil || p.Match(bytes.TrimSuffix(text, []byte("\n"))) {
		return ""
	}
	return fmt.Sprintf("%s is %s, want it to match %q", what, quote(text), p)
}

// ask runs a program in the guest and returns what it printed, if it succeeded.
func ask(ctx context.Context, g guest.Guest, args ...string) (string, error) {
	out, err := g.Run(ctx, guest.Command{Args: args})
	if err != nil {
		return "", unanswered(args, err)
	}
	if out.Code != 0 {
		return string(out.Stdout), fmt.Errorf("%s ended with code %d: %s", strings.Join(args, " "), out.Code, quote(out.Stderr))
	}
	return string(out.Stdout), nil
}

// unanswered words a program that could not be run in the guest.
func unanswered(args []string, err error) error {
	if errors.Is(err, guest.ErrNoProgram) {
		return fmt.Errorf("the guest has no %s: %w", args[0], err)
	}
	return fmt.Errorf("run %s in the guest: %w", strings.Join(args, " "), err)
}

// quoted is how much of a program's output is shown in a finding.
const quoted = 300

// quote shows what a program printed, cut to a length that a person reads.
func quote(text []byte) string {
	s := strings.TrimRightFunc(string(text), unicode.IsSpace)
	if len(s) > quoted {
		return fmt.Sprintf("%q... (%d bytes in all)", s[:quoted], len(text))
	}
	return fmt.Sprintf("%q", s)
}

// plain says whether a name holds nothing that could be taken for something else on a
// command line or in a line of output.
func plain(name string) bool {
	return name != "" && name[0] != '-' && !strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar
	})
}

// eachPlain checks names of a kind.
func eachPlain(kind string, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("names no %s", kind)
	}
	for _, name := range names {
		if !plain(name) {
			return fmt.Errorf("%q is no name of a %s", name, kind)
		}
	}
	return nil
}
