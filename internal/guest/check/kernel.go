package check

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"slipway.dev/slipway/internal/guest"
)

// Kernel bounds the version of the kernel that runs, as in ">= 6.1, < 7". What follows
// the numbers of a release, such as -38-cloud-amd64, is not compared.
type Kernel struct{ bounds []bound }

// bound is one comparison with a version of numbers.
type bound struct {
	operator string
	version  []int
}

var boundPattern = regexp.MustCompile(`^(>=|<=|>|<|=)\s*(\d{1,9}(?:\.\d{1,9})*)$`)

// UnmarshalYAML reads the bounds.
func (k *Kernel) UnmarshalYAML(node *yaml.Node) error {
	var text string
	if err := node.Decode(&text); err != nil {
		return err
	}
	for part := range strings.SplitSeq(text, ",") {
		m := boundPattern.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return fmt.Errorf("line %d: kernel %q bounds no version; write it as in \">= 6.1\"", node.Line, text)
		}
		k.bounds = append(k.bounds, bound{m[1], numbers(m[2])})
	}
	return nil
}

// Validate is part of Check.
func (k *Kernel) Validate() error {
	if len(k.bounds) == 0 {
		return fmt.Errorf("kernel bounds no version; write it as in \">= 6.1\"")
	}
	return nil
}

var releaseNumbers = regexp.MustCompile(`^\d{1,9}(\.\d{1,9})*`)

// Check is part of Check.
func (k *Kernel) Check(ctx context.Context, g guest.Guest) []string {
	out, err := ask(ctx, g, "uname", "-r")
	if err != nil {
		return []string{err.Error()}
	}
	release := strings.TrimSpace(out)
	have := releaseNumbers.FindString(release)
	if have == "" {
		return []string{fmt.Sprintf("the kernel's release is %q, which begins with no version", release)}
	}
	var problems []string
	for _, b := range k.bounds {
		if !b.holds(numbers(have)) {
			problems = append(problems, fmt.Sprintf("the kernel is %s, want %s %s", release, b.operator, dotted(b.version)))
		}
	}
	return problems
}

// holds says whether a version is within the bound. 6.1 is 6.1.0: numbers that are not there are 0.
func (b bound) holds(have []int) bool {
	want := slices.Clone(b.version)
	for len(want) < len(have) {
		want = append(want, 0)
	}
	for len(have) < len(want) {
		have = append(have, 0)
	}
	return holds(slices.Compare(have, want), b.operator)
}

// holds says whether a comparison (negative, 0, positive) is what an operator asks for.
func holds(order int, operator string) bool {
	switch operator {
	case ">=":
		return order >= 0
	case ">":
		return order > 0
	case "<=":
		return order <= 0
	case "<":
		return order < 0
	default:
		return order == 0
	}
}

func numbers(version string) []int {
	var list []int
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part) // the patterns let through only what is a number
		list = append(list, n)
	}
	return list
}

func dotted(version []int) string {
	parts := make([]string, len(version))
	for i, n := range version {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, ".")
}
