package rpm

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// spec is what can be known of a spec without running it. Conditions are not
// evaluated: what stands in any branch counts.
type spec struct {
	path     string
	lines    []string // the text, to be stamped
	name     string
	version  string   // empty if it cannot be known
	versions []span   // Version tags of the main package
	vcs      []span   // Vcs tags
	packages []string // names of the packages it makes, the main one first
	open     bool     // a sub package has a name that cannot be known
	arches   []string // BuildArch of the main package, outside of conditions
	sources  []sourceFile
	requires []requirement
	usesGo   bool
	notes    []string

	versionLine, archLine int
}

// span is a tag's lines, counted from 1; a macro in it may take several.
type span struct{ first, last int }

// sourceFile is what a SourceN or PatchN tag names.
type sourceFile struct {
	tag     string
	name    string // without the folder of a URL
	line    int
	certain bool // not below a condition
	present bool // packaging/ has it
}

// requirement is one BuildRequires: a name, perhaps with a constraint.
type requirement struct {
	text string
	line int
}

func (r requirement) name() string {
	name, _, _ := strings.Cut(r.text, " ")
	return name
}

// parser goes through a spec by lines.
type parser struct {
	spec        *spec
	scope       scope
	next        int // index of the next line
	at          span
	conds       []cond
	section     section
	described   map[string]bool
	subPackages []subPackage
	nameLine    int
	left        budget
}

func (p *parser) expand(text string) (string, bool) { return p.scope.expand(text, &p.left) }

// cond is an open %if.
type cond struct {
	line    int
	word    string
	hasElse bool
}

type section int

const (
	mainPreamble section = iota
	subPreamble
	body // scripts, descriptions, file lists
)

type subPackage struct {
	args string // as written: -n name, or sub
	line int
}

// parseSpec reads a spec; name is for errors, known are the macros that the
// build defines. A spec that rpmbuild could not parse is an error.
func parseSpec(name string, data []byte, known scope) (*spec, error) {
	p := &parser{
		spec:      &spec{path: name, lines: strings.Split(string(data), "\n")},
		scope:     scope{},
		described: map[string]bool{},
		left:      specBudget,
	}
	for macro, text := range known {
		p.scope[macro] = text
	}
	p.spec.usesGo = callsGo.Match(data)
	for p.next < len(p.spec.lines) {
		if err := p.line(p.read()); err != nil {
			return nil, err
		}
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	return p.spec, nil
}

var callsGo = regexp.MustCompile(`%_go\b|%\{_go\}`)

// read returns the next line, with those that belong to it.
func (p *parser) read() string {
	first := p.next
	line := p.take()
	word := firstWord(line)
	defines := word == "%global" || word == "%define"
	quiet := !defines && (p.section == body || strings.HasPrefix(word, "#"))
	var text strings.Builder
	var open nesting
	for {
		continued := defines && strings.HasSuffix(line, `\`)
		if !quiet {
			open.add(line)
		}
		if p.next == len(p.spec.lines) || !continued && len(open) == 0 {
			break
		}
		text.WriteString(strings.TrimSuffix(line, `\`) + "\n")
		line = p.take()
	}
	p.at = span{first + 1, p.next}
	return text.String() + line
}

func (p *parser) take() string {
	text := strings.TrimSuffix(p.spec.lines[p.next], "\r")
	p.next++
	return text
}

func (p *parser) errorf(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: "+format, append([]any{p.spec.path, line}, args...)...)
}

func (p *parser) note(format string, args ...any) {
	at := fmt.Sprintf("%s:%d: ", path.Base(p.spec.path), p.at.first)
	p.spec.notes = append(p.spec.notes, at+fmt.Sprintf(format, args...))
}

func firstWord(text string) string {
	text = strings.TrimLeft(text, " \t")
	if end := strings.IndexAny(text, " \t\n"); end >= 0 {
		return text[:end]
	}
	return text
}

// line handles one line: conditions and definitions work everywhere, tags in preambles.
func (p *parser) line(text string) error {
	word := firstWord(text)
	rest := strings.TrimSpace(strings.TrimPrefix(strings.TrimLeft(text, " \t"), word))
	if handled, err := p.condition(word); handled || err != nil {
		return err
	}
	switch {
	case word == "%global" || word == "%define":
		p.define(rest)
		return nil
	case isSection(word):
		return p.begin(word, rest)
	case p.section == body || word == "" || strings.HasPrefix(word, "#"):
		return nil
	case strings.HasPrefix(word, "%"):
		p.macroLine(text)
		return nil
	}
	return p.tag(text)
}

// condition keeps account of %if, %else and %endif.
func (p *parser) condition(word string) (bool, error) {
	if strings.HasPrefix(word, "%if(") || strings.HasPrefix(word, "%if!") {
		word = "%if"
	}
	switch word {
	case "%if", "%ifarch", "%ifnarch", "%ifos", "%ifnos":
		p.conds = append(p.conds, cond{line: p.at.first, word: word})
		return true, nil
	case "%elif", "%elifarch", "%elifos", "%else", "%endif":
	default:
		return false, nil
	}
	last := len(p.conds) - 1
	switch {
	case last < 0:
		return true, p.errorf(p.at.first, "%s without an %%if before it; remove it, or add the %%if", word)
	case word == "%endif":
		p.conds = p.conds[:last]
	case p.conds[last].hasElse:
		return true, p.errorf(p.at.first, "%s after the %%else of the %s in line %d; each condition has one %%else, as its last branch",
			word, p.conds[last].word, p.conds[last].line)
	case word == "%else":
		p.conds[last].hasElse = true
	}
	return true, nil
}

// finish checks what only the end can tell.
func (p *parser) finish() error {
	s := p.spec
	if n := len(p.conds); n > 0 {
		c := p.conds[n-1]
		return p.errorf(c.line, "%s has no %%endif; add one where the condition ends", c.word)
	}
	if s.name == "" {
		return fmt.Errorf("%s: no Name: tag; add one", s.path)
	}
	if len(s.versions) == 0 {
		return fmt.Errorf("%s: no Version: tag; add Version: %%{_version}", s.path)
	}
	if !p.described[""] {
		return fmt.Errorf("%s: no %%description; add one after the tags", s.path)
	}
	for _, sub := range p.subPackages {
		if !p.described[sub.args] {
			return p.errorf(sub.line, "%%package %s has no %%description %s; add one", sub.args, sub.args)
		}
	}
	s.packages = append([]string{s.name}, s.packages...)
	return nil
}
