package imagediff

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// fields are what a format calls what is asked of a package.
type fields struct{ name, version, arch, status string }

var fieldsOf = map[string]fields{
	dpkg: {"Package", "Version", "Architecture", "Status"},
	apk:  {"P", "V", "A", ""},
}

// parse reads the packages of a dpkg status file or of apk's installed: paragraphs of
// fields. It keeps no more of the text than it returns.
func parse(format string, text io.Reader) ([]Package, error) {
	p := parser{format: format, fields: fieldsOf[format]}
	lines := bufio.NewReaderSize(text, 64<<10)
	for n := 1; ; n++ {
		line, err := nextLine(lines)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = p.line(line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return p.packages, p.end()
}

// nextLine is a line without its end, or the beginning of a very long one: what is asked
// of a package is short.
func nextLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line = bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.ReadSlice('\n')
		}
	}
	if errors.Is(err, io.EOF) && len(line) > 0 {
		err = nil
	}
	return bytes.TrimRight(line, " \t\r\n"), err
}

type parser struct {
	format   string
	fields   fields
	packages []Package

	open   bool // a paragraph has begun
	next   Package
	status string
}

func (p *parser) line(line []byte) error {
	switch {
	case len(line) == 0:
		return p.end()
	case line[0] == ' ' || line[0] == '\t': // goes on with a field that nobody asks for
		return nil
	}
	p.open = true
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return fmt.Errorf("%.40q is no field", line)
	}
	switch string(name) {
	case p.fields.name:
		return setWord(&p.next.Name, name, value)
	case p.fields.version:
		return setWord(&p.next.Version, name, value)
	case p.fields.arch:
		return setWord(&p.next.Arch, name, value)
	case p.fields.status:
		p.status = string(value)
	}
	return nil
}

// setWord takes a value that is one word, once.
func setWord(field *string, name, value []byte) error {
	text := string(bytes.Trim(value, " \t"))
	odd := func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar }
	if text == "" || *field != "" || strings.ContainsFunc(text, odd) {
		return fmt.Errorf("%s %.40q is no word, or the second of its package", name, text)
	}
	*field = text
	return nil
}

// end ends a paragraph, and takes its package if that is installed.
func (p *parser) end() error {
	done := *p
	p.open, p.next, p.status = false, Package{}, ""
	switch {
	case !done.open, strings.HasSuffix(done.status, " not-installed"), strings.HasSuffix(done.status, " config-files"):
		return nil
	case done.next.Name == "" || done.next.Version == "":
		return fmt.Errorf("package %q ends here and has no name or no version", done.next.Name)
	}
	done.next.Format = p.format
	p.packages = append(p.packages, done.next)
	return nil
}
