package importer

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/junit"
)

// JUnit reads JUnit XML, which does not tell when the tests ended: its timestamps have
// no time zone.
func JUnit(data []byte) (Report, error) {
	suites, err := junit.Read(bytes.NewReader(data))
	if err != nil {
		return Report{}, err
	}
	var r Report
	for _, suite := range suites {
		for _, c := range suite.Cases {
			r.add(caseName(c), caseOutcome(c))
		}
	}
	claimed, err := claimsFailures(data)
	if err != nil {
		return Report{}, fmt.Errorf("read JUnit XML: %w", err)
	}
	if claimed && len(r.Failed) == 0 {
		return Report{}, errors.New("read JUnit XML: it counts failures or errors, but no test case has one")
	}
	return r.conclude(), nil
}

func caseName(c junit.Case) string {
	if c.Class == "" {
		return c.Name
	}
	return c.Class + "." + c.Name
}

func caseOutcome(c junit.Case) evidence.Outcome {
	switch {
	case c.Failure != nil:
		return evidence.Failed
	case c.Skipped != nil:
		return ""
	}
	return evidence.Passed
}

// claimsFailures says whether the document's own counts tell of failures. It reads the
// document to its end, and refuses what stands behind it.
func claimsFailures(data []byte) (claimed bool, err error) {
	decoder := xml.NewDecoder(bytes.NewReader(data))
	decoder.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // junit.Read took it
	depth, roots := 0, 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return claimed, nil
		}
		if err != nil {
			return false, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			depth++
			claimed = claimed || countsFailures(t)
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(t)) > 0 {
				return false, errors.New("there is text outside of the document")
			}
		}
		if roots > 1 {
			return false, errors.New("there are two documents in one file")
		}
	}
}

func countsFailures(e xml.StartElement) bool {
	if e.Name.Local != "testsuite" && e.Name.Local != "testsuites" {
		return false
	}
	for _, a := range e.Attr {
		if (a.Name.Local == "failures" || a.Name.Local == "errors") && strings.Trim(a.Value, " 0") != "" {
			return true
		}
	}
	return false
}
