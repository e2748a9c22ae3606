package imagediff

import (
	"cmp"
	"strings"
)

// compareVersions orders Debian versions as Debian's policy does in its section 5.6.12:
// epochs are numbers, and then upstream versions and revisions are compared.
func compareVersions(a, b string) int {
	epochA, restA := cutEpoch(a)
	epochB, restB := cutEpoch(b)
	upstreamA, revisionA := cutRevision(restA)
	upstreamB, revisionB := cutRevision(restB)
	return cmp.Or(compareNumbers(epochA, epochB), compareParts(upstreamA, upstreamB), compareParts(revisionA, revisionB))
}

func cutEpoch(version string) (epoch, rest string) {
	if epoch, rest, ok := strings.Cut(version, ":"); ok {
		return epoch, rest
	}
	return "", version
}

func cutRevision(version string) (upstream, revision string) {
	if i := strings.LastIndexByte(version, '-'); i >= 0 {
		return version[:i], version[i+1:]
	}
	return version, ""
}

// compareParts compares, in turn, what is before the next digit, and the number there.
func compareParts(a, b string) int {
	for a != "" || b != "" {
		var wordA, wordB, numberA, numberB string
		wordA, a = cutWhile(a, func(c byte) bool { return !isDigit(c) })
		wordB, b = cutWhile(b, func(c byte) bool { return !isDigit(c) })
		numberA, a = cutWhile(a, isDigit)
		numberB, b = cutWhile(b, isDigit)
		if by := cmp.Or(compareWords(wordA, wordB), compareNumbers(numberA, numberB)); by != 0 {
			return by
		}
	}
	return 0
}

// compareWords compares letter by letter, as weight weighs them.
func compareWords(a, b string) int {
	for i := range max(len(a), len(b)) {
		if by := cmp.Compare(weight(a, i), weight(b, i)); by != 0 {
			return by
		}
	}
	return 0
}

// weight puts a tilde before the end, the end before letters, and those before the rest.
func weight(word string, i int) int {
	switch {
	case i >= len(word):
		return 0
	case word[i] == '~':
		return -1
	case word[i] >= 'A' && word[i] <= 'Z', word[i] >= 'a' && word[i] <= 'z':
		return int(word[i])
	}
	return int(word[i]) + 256
}

// compareNumbers compares numbers of any length; none is 0.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

func cutWhile(text string, is func(byte) bool) (begin, rest string) {
	i := 0
	for i < len(text) && is(text[i]) {
		i++
	}
	return text[:i], text[i:]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
