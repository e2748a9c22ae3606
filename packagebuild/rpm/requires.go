package rpm

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"slipway.dev/slipway/packagebuild"
)

// buildGroup is what every EL build root holds without being asked, by Debian's
// names; file, without which rpm's scripts leave programs unstripped and say
// nothing; and pkg-config, which there comes along with any -devel package.
var buildGroup = []string{"bzip2", "cpio", "file", "make", "patch", "pkg-config", "rpm", "unzip", "xz-utils"}

// needs gathers the build requirements of a target's specs.
type needs struct {
	target    packagebuild.Target
	relations map[string]bool
	names     map[string]bool
	notes     []string
}

func newNeeds(t packagebuild.Target) *needs {
	n := &needs{target: t, relations: map[string]bool{}, names: map[string]bool{}}
	if !inDebian(t) {
		return n
	}
	for _, name := range buildGroup {
		n.relations[name] = true
	}
	if isCross(t) {
		triplet := arches[t.Arch].triplet
		n.relations["gcc-"+triplet], n.relations["g++-"+triplet] = true, true
	}
	return n
}

func (n *needs) add(s *spec) {
	for _, r := range s.requires {
		if n.names[r.text] {
			continue
		}
		if !isCapability(r.name()) {
			n.notes = append(n.notes, fmt.Sprintf("%s:%d: BuildRequires %s is an option, a URL or a file, and no package's name; not installed",
				path.Base(s.path), r.line, r.text))
			continue
		}
		n.names[r.text] = true
		if inDebian(n.target) {
			n.substitute(s, r)
		}
	}
}

// isCapability says whether a word can be handed to a package manager that has the
// network as something to look up, and as nothing else.
func isCapability(word string) bool {
	return !strings.HasPrefix(word, "-") && !strings.Contains(word, "://") && !strings.HasSuffix(word, ".rpm")
}

// substitute finds Debian's packages for a requirement. EL's version numbers say
// nothing about Debian's packages, so constraints are dropped. An empty
// substitute is something that the build brings by itself, such as macros.
func (n *needs) substitute(s *spec, r requirement) {
	relations, known := n.target.Substitutes[r.name()]
	if !known {
		n.notes = append(n.notes, fmt.Sprintf("%s:%d: BuildRequires %s has no substitute in targets.yaml; not installed",
			path.Base(s.path), r.line, r.text))
		return
	}
	for _, relation := range strings.Split(relations, ",") {
		if relation = strings.TrimSpace(relation); relation != "" {
			n.relations[relation] = true
		}
	}
}

// linked says what an EL may not have: libraries that programs are linked with.
func (n *needs) linked() []string {
	var libraries []string
	for _, relation := range n.debian() {
		if strings.HasPrefix(relation, "lib") && strings.HasSuffix(relation, "-dev") || relation == "zlib1g-dev" {
			libraries = append(libraries, relation)
		}
	}
	if len(libraries) == 0 || !inDebian(n.target) {
		return nil
	}
	return []string{fmt.Sprintf("programs are linked with Debian's libraries (%s), and %s may refuse to install them: compare rpm -qp --requires with what it has",
		strings.Join(libraries, ", "), n.target.Distribution)}
}

// debian is the Debian relations, sorted; none in another root.
func (n *needs) debian() []string { return sortedKeys(n.relations) }

// native is the requirements as the specs spell them, sorted.
func (n *needs) native() []string { return sortedKeys(n.names) }

func sortedKeys(set map[string]bool) []string {
	var keys []string
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }

// splitRequires splits the value of a BuildRequires tag into single
// requirements: "a, b >= 2 c" and "(d or e)" are four.
func splitRequires(value string) []string {
	var all []string
	wantVersion := false
	for _, word := range requireWords(value) {
		last := len(all) - 1
		switch {
		case isComparison(word) && last >= 0:
			all[last] += " " + word
			wantVersion = true
		case wantVersion:
			all[last] += " " + word
			wantVersion = false
		default:
			all = append(all, word)
		}
	}
	return all
}

func isComparison(word string) bool {
	return slices.Contains([]string{"<", "<=", "=", "==", ">=", ">"}, word)
}

// requireWords splits at blanks and commas, but not inside a rich dependency's parentheses.
func requireWords(value string) []string {
	var words []string
	start, depth := -1, 0
	for i, r := range value {
		switch {
		case r == '(':
			depth++
		case r == ')' && depth > 0:
			depth--
		}
		blank := isSeparator(r) && depth == 0
		switch {
		case blank && start >= 0:
			words, start = append(words, value[start:i]), -1
		case !blank && start < 0:
			start = i
		}
	}
	if start >= 0 {
		words = append(words, value[start:])
	}
	return words
}
