package junit

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Read reads one document: many suites, or one. Suites inside suites become
// suites of their own, named outer/inner; an error counts as a failure.
func Read(r io.Reader) ([]Suite, error) {
	decoder := xml.NewDecoder(r)
	decoder.CharsetReader = charset
	root, err := rootElement(decoder)
	if err != nil {
		return nil, fmt.Errorf("read JUnit XML: %w", err)
	}
	document := suitesXML{Suites: make([]suiteXML, 1)}
	switch root.Name.Local {
	case "testsuites":
		document.Suites = nil
		err = decoder.DecodeElement(&document, &root)
	case "testsuite":
		err = decoder.DecodeElement(&document.Suites[0], &root)
	default:
		err = fmt.Errorf("the document is a <%s>, not <testsuites> or <testsuite>", root.Name.Local)
	}
	if err != nil {
		return nil, fmt.Errorf("read JUnit XML: %w", err)
	}
	return flatten(nil, "", document.Suites), nil
}

// charset accepts UTF-8 under the names that other writers give it.
func charset(name string, in io.Reader) (io.Reader, error) {
	if strings.EqualFold(name, "utf8") || strings.EqualFold(name, "us-ascii") {
		return in, nil
	}
	return nil, fmt.Errorf("character set %q is not UTF-8", name)
}

func rootElement(decoder *xml.Decoder) (xml.StartElement, error) {
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return xml.StartElement{}, errors.New("the document is empty")
		}
		if err != nil {
			return xml.StartElement{}, err
		}
		if start, ok := token.(xml.StartElement); ok {
			return start, nil
		}
	}
}

func flatten(suites []Suite, prefix string, in []suiteXML) []Suite {
	for _, s := range in {
		name := prefix + s.Name
		if len(s.Cases) > 0 || len(s.Suites) == 0 {
			suites = append(suites, Suite{Name: name, Cases: cases(s.Cases)})
		}
		suites = flatten(suites, name+"/", s.Suites)
	}
	return suites
}

func cases(in []caseXML) []Case {
	var out []Case
	for _, c := range in {
		failure := c.Failure.message()
		if failure == nil {
			failure = c.Error.message()
		}
		out = append(out, Case{
			Name:    c.Name,
			Class:   c.Class,
			Time:    time.Duration(c.Time),
			Failure: failure,
			Skipped: c.Skipped.message(),
			Output:  c.Output,
		})
	}
	return out
}

func (m *messageXML) message() *Message {
	if m == nil {
		return nil
	}
	return &Message{Line: m.Line, Text: m.Text}
}
