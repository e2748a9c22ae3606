package junit

import (
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Write writes suites as one document. Equal suites give equal bytes.
func Write(w io.Writer, suites []Suite) error {
	document := suitesXML{}
	for _, s := range suites {
		document.Suites = append(document.Suites, toXML(s))
	}
	text, err := xml.MarshalIndent(document, "", "  ")
	if err != nil {
		return fmt.Errorf("encode JUnit XML: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s%s\n", xml.Header, text); err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	return nil
}

func toXML(s Suite) suiteXML {
	out := suiteXML{
		Name:     clean(s.Name),
		Tests:    len(s.Cases),
		Failures: s.Failed(),
		Skipped:  s.Skipped(),
		Time:     seconds(s.Time()),
	}
	for _, c := range s.Cases {
		out.Cases = append(out.Cases, caseXML{
			Name:    clean(c.Name),
			Class:   clean(c.Class),
			Time:    seconds(c.Time),
			Failure: c.Failure.toXML(),
			Skipped: c.Skipped.toXML(),
			Output:  clean(c.Output),
		})
	}
	return out
}

func (m *Message) toXML() *messageXML {
	if m == nil {
		return nil
	}
	return &messageXML{Line: clean(m.Line), Text: clean(m.Text)}
}

// escape is a terminal's control sequence, such as the one for red.
var escape = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// clean drops what XML 1.0 cannot hold, and \r, which a reader would drop.
func clean(s string) string {
	s = strings.ToValidUTF8(escape.ReplaceAllString(s, ""), "\uFFFD")
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == '\uFFFE' || r == '\uFFFF' {
			return -1
		}
		return r
	}, s)
}
