package configcheck

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// anchored says whether an expression matches nothing but whole texts, in each of its
// alternatives: ^main|release$ does not.
func anchored(expression string) bool {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	return err == nil && ends(parsed, syntax.OpBeginText, false) && ends(parsed, syntax.OpEndText, true)
}

// ends says whether all ways through an expression begin, or end, with op.
func ends(re *syntax.Regexp, op syntax.Op, last bool) bool {
	switch re.Op {
	case op:
		return true
	case syntax.OpCapture:
		return ends(re.Sub[0], op, last)
	case syntax.OpConcat:
		if last {
			return ends(re.Sub[len(re.Sub)-1], op, last)
		}
		return ends(re.Sub[0], op, last)
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !ends(sub, op, last) })
	}
	return false
}

// examples are texts that an expression matches, at least one of each alternative. Where
// no simple text does, there are none.
func examples(expression string) []string {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil
	}
	compiled := regexp.MustCompile(expression)
	return slices.DeleteFunc(samples(parsed.Simplify()), func(s string) bool { return !compiled.MatchString(s) })
}

// maxSamples bounds what alternatives beside each other multiply to.
const maxSamples = 200

func samples(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{string(re.Rune)}
	case syntax.OpCharClass:
		return sampleRunes(re.Rune)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return []string{"x"}
	case syntax.OpCapture, syntax.OpPlus:
		return samples(re.Sub[0])
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			all = append(all, samples(sub)...)
		}
		return all
	case syntax.OpStar, syntax.OpQuest:
		return append([]string{""}, samples(re.Sub[0])...)
	case syntax.OpConcat:
		return joined(re.Sub)
	}
	return []string{""} // anchors, and what is empty
}

func joined(parts []*syntax.Regexp) []string {
	all := []string{""}
	for _, part := range parts {
		var longer []string
		for _, tail := range samples(part) {
			for _, head := range all {
				longer = append(longer, head+tail)
			}
		}
		all = longer[:min(len(longer), maxSamples)]
	}
	return all
}

// sampleRunes are one of each range of a class, of many ranges of the first.
func sampleRunes(class []rune) []string {
	var all []string
	for i := 0; i+1 < len(class) && i < 2*maxRanges; i += 2 {
		sample := class[i]
		for _, plain := range "1a" {
			if class[i] <= plain && plain <= class[i+1] {
				sample = plain
			}
		}
		all = append(all, string(sample))
	}
	return all
}

const maxRanges = 4

// neverRef says whether an expression matches no name that git allows a branch or tag:
// each of its examples has a space.
func neverRef(expression string) bool {
	found := examples(expression)
	return anchored(expression) && len(found) > 0 && !slices.ContainsFunc(found, func(s string) bool { return !strings.Contains(s, " ") })
}
