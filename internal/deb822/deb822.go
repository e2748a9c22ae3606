// Package deb822 reads and writes Debian control files: debian/control, the
// control file of a package, .changes, .dsc, Packages, Release.
//
// What is read and written again keeps its fields, their order and the way
// their values are folded; comments are read past. Nothing can be written that
// would read as something else, so a value from outside cannot add a field.
package deb822

import (
	"bytes"
	"fmt"
	"strings"
)

// Paragraph is a group of fields; blank lines lie between paragraphs.
type Paragraph struct {
	Fields []Field
	Line   int // of its first field; 0 if it was not read
}

// Field is one field. Value is what follows the colon, without the blanks
// around it; of a folded value, each further line begins with a newline and
// the blank that marks it.
type Field struct {
	Name  string
	Value string
	Line  int // where it begins; 0 if it was not read
}

const blanks = " \t\r"

// Parse reads the paragraphs of data; name is the file's, for errors.
func Parse(name string, data []byte) ([]Paragraph, error) {
	p := parser{name: name}
	for line := range strings.Lines(string(data)) {
		p.line++
		if err := p.add(strings.TrimSuffix(line, "\n")); err != nil {
			return nil, err
		}
	}
	p.endField()
	return p.done, nil
}

// ParseOne reads data that must hold exactly one paragraph, such as a package's control file.
func ParseOne(name string, data []byte) (Paragraph, error) {
	all, err := Parse(name, data)
	if err != nil {
		return Paragraph{}, err
	}
	if len(all) != 1 {
		return Paragraph{}, fmt.Errorf("%s: %d paragraphs, want 1", name, len(all))
	}
	return all[0], nil
}

type parser struct {
	name  string
	line  int
	done  []Paragraph
	open  bool     // the last paragraph of done goes on
	value []string // lines of the last field's value, joined when it ends
}

func (p *parser) add(line string) error {
	text := strings.TrimRight(line, blanks)
	switch {
	case strings.HasPrefix(line, "#"):
		return nil
	case text == "":
		p.endField()
		p.open = false
		return nil
	case text[0] == ' ' || text[0] == '\t':
		return p.addFold(text)
	}
	return p.addField(text)
}

func (p *parser) addField(text string) error {
	name, value, ok := strings.Cut(text, ":")
	if !ok {
		return p.errorf("%q is no field; write `Name: value`, or begin the line with a space to go on with the field above", text)
	}
	name = strings.TrimRight(name, blanks)
	if err := checkName(name); err != nil {
		return p.errorf("%w", err)
	}
	p.endField()
	if !p.open {
		p.done = append(p.done, Paragraph{Line: p.line})
		p.open = true
	}
	paragraph := &p.done[len(p.done)-1]
	if before, twice := paragraph.Lookup(name); twice {
		return p.errorf("field %s stands already in line %d; remove one", name, before.Line)
	}
	paragraph.Fields = append(paragraph.Fields, Field{Name: name, Line: p.line})
	p.value = append(p.value[:0], strings.Trim(value, blanks))
	return nil
}

func (p *parser) addFold(text string) error {
	if !p.open {
		return p.errorf("the line goes on with a field, but there is none above; remove the blank before %q", strings.Trim(text, blanks))
	}
	p.value = append(p.value, text)
	return nil
}

func (p *parser) endField() {
	if p.open {
		fields := p.done[len(p.done)-1].Fields
		fields[len(fields)-1].Value = strings.Join(p.value, "\n")
	}
}

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: "+format, append([]any{p.name, p.line}, args...)...)
}

// checkName checks a field name against Debian's policy: visible ASCII without
// a colon, beginning with neither # nor -.
func checkName(name string) error {
	if name == "" || name[0] == '#' || name[0] == '-' {
		return fmt.Errorf("%q is no field name", name)
	}
	for _, b := range []byte(name) {
		if b <= ' ' || b > '~' || b == ':' {
			return fmt.Errorf("%q is no field name: it holds %q", name, b)
		}
	}
	return nil
}

// Lookup finds a field by name, which is not case-sensitive.
func (p Paragraph) Lookup(name string) (Field, bool) {
	for _, f := range p.Fields {
		if strings.EqualFold(f.Name, name) {
			return f, true
		}
	}
	return Field{}, false
}

// Get is the value of the named field, empty if there is none.
func (p Paragraph) Get(name string) string {
	f, _ := p.Lookup(name)
	return f.Value
}

// Set gives the named field a value, at the end if it is new.
func (p *Paragraph) Set(name, value string) {
	for i := range p.Fields {
		if strings.EqualFold(p.Fields[i].Name, name) {
			p.Fields[i].Value = value
			return
		}
	}
	p.Fields = append(p.Fields, Field{Name: name, Value: value})
}

// Format writes paragraphs as text. It refuses what Parse would read as something else.
func Format(paragraphs ...Paragraph) ([]byte, error) {
	var out bytes.Buffer
	for i, p := range paragraphs {
		if len(p.Fields) == 0 {
			return nil, fmt.Errorf("format control paragraph %d: it has no fields", i+1)
		}
		if i > 0 {
			out.WriteByte('\n')
		}
		for _, f := range p.Fields {
			if err := f.format(&out); err != nil {
				return nil, fmt.Errorf("format control field %q: %w", f.Name, err)
			}
		}
	}
	return out.Bytes(), nil
}

func (f Field) format(out *bytes.Buffer) error {
	if err := checkName(f.Name); err != nil {
		return err
	}
	first, rest, folded := strings.Cut(f.Value, "\n")
	if first != strings.Trim(first, blanks) {
		return fmt.Errorf("value %q has blanks around it", first)
	}
	out.WriteString(strings.TrimRight(f.Name+": "+first, " ") + "\n")
	if !folded {
		return nil
	}
	for line := range strings.SplitSeq(rest, "\n") {
		text := strings.TrimRight(line, blanks)
		if text == "" || text != line || (text[0] != ' ' && text[0] != '\t') {
			return fmt.Errorf("line %q of its value would not read as part of it", line)
		}
		out.WriteString(line + "\n")
	}
	return nil
}
