package goo

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Version is a package's version in the parts by which googet orders it.
type Version struct {
	Major, Minor, Patch uint64
	Pre                 []string // pre-release identifiers: after a hyphen, between dots
	Build               []string // build metadata: after a plus sign, ignored in comparison
	Release             int64    // of the packaging: after an at sign
}

// ParseVersion reads a version as googet does: a semantic version that may have
// leading zeros and lack its first numbers (20261121.00 is 0.20261121.0), and
// optionally a release (@1).
func ParseVersion(text string) (Version, error) {
	semantic, release, released := strings.Cut(text, "@")
	v, err := parseSemantic(semantic)
	if err == nil && released {
		v.Release, err = strconv.ParseInt(release, 10, 64)
	}
	if err != nil {
		return Version{}, fmt.Errorf("parse version %q: %w", text, err)
	}
	return v, nil
}

func parseSemantic(text string) (Version, error) {
	numbers, pre, build := text, "", ""
	if i := strings.IndexByte(numbers, '+'); i >= 0 {
		numbers, build = numbers[:i], numbers[i:]
	}
	if i := strings.IndexByte(numbers, '-'); i >= 0 {
		numbers, pre = numbers[:i], numbers[i:]
	}
	var v Version
	var errs [3]error
	errs[0] = v.parseNumbers(numbers)
	v.Pre, errs[1] = identifiers(pre)
	v.Build, errs[2] = identifiers(build)
	for _, id := range v.Pre {
		errs[1] = cmp.Or(errs[1], checkPre(id))
	}
	return v, cmp.Or(errs[:]...)
}

// parseNumbers reads up to three numbers; those that lack are the first ones.
func (v *Version) parseNumbers(text string) error {
	parts := strings.SplitN(text, ".", 3)
	into := []*uint64{&v.Major, &v.Minor, &v.Patch}[3-len(parts):]
	for i, part := range parts {
		if !isDigits(part) {
			return fmt.Errorf("%q is no number", part)
		}
		n, err := strconv.ParseUint("0"+part, 10, 64) // googet reads an empty part as 0
		if err != nil {
			return err
		}
		*into[i] = n
	}
	return nil
}

// identifiers splits what follows a hyphen or a plus sign, which text begins with.
func identifiers(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	ids := strings.Split(text[1:], ".")
	for _, id := range ids {
		if id == "" || strings.ContainsFunc(id, notIdentifier) {
			return nil, fmt.Errorf("%q in %q must be letters, digits and hyphens", id, text)
		}
	}
	return ids, nil
}

func checkPre(id string) error {
	if !isDigits(id) {
		return nil
	}
	if len(id) > 1 && id[0] == '0' {
		return fmt.Errorf("pre-release number %s begins with 0", id)
	}
	_, err := strconv.ParseUint(id, 10, 64)
	return err
}

func isDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

func notIdentifier(r rune) bool {
	return r != '-' && !isAlphanumeric(r)
}

func isAlphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// Compare is negative if v is older than other, positive if it is newer.
func (v Version) Compare(other Version) int {
	return cmp.Or(
		cmp.Compare(v.Major, other.Major),
		cmp.Compare(v.Minor, other.Minor),
		cmp.Compare(v.Patch, other.Patch),
		comparePre(v.Pre, other.Pre),
		cmp.Compare(v.Release, other.Release))
}

// comparePre puts a version without pre-release after all that have one.
func comparePre(a, b []string) int {
	if len(a) == 0 || len(b) == 0 {
		return cmp.Compare(len(b), len(a))
	}
	return slices.CompareFunc(a, b, compareIdentifier)
}

// compareIdentifier puts numbers before words and orders them by value, which
// is by length first, as they have no leading zeros.
func compareIdentifier(a, b string) int {
	switch {
	case isDigits(a) && isDigits(b):
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	case isDigits(a):
		return -1
	case isDigits(b):
		return 1
	}
	return strings.Compare(a, b)
}

// oneBuild joins a second plus sign's metadata to the first with a dot. A
// goospec may add its own (+win) to a presubmit's version, which has one already.
func oneBuild(version string) string {
	semantic, release, released := strings.Cut(version, "@")
	head, build, _ := strings.Cut(semantic, "+")
	if !strings.Contains(build, "+") {
		return version
	}
	joined := head + "+" + strings.ReplaceAll(build, "+", ".")
	if released {
		joined += "@" + release
	}
	return joined
}

// holds says whether text holds version as a whole word: 20261121.00 does not hold 20261121.0.
func holds(text, version string) bool {
	for from := 0; from+len(version) <= len(text); from++ {
		end := from + len(version)
		if text[from:end] == version && isEdge(text, from-1) && isEdge(text, end) {
			return true
		}
	}
	return false
}

func isEdge(text string, i int) bool {
	return i < 0 || i >= len(text) || !isAlphanumeric(rune(text[i]))
}
