// Package junit writes and reads test results as JUnit XML, the form that Prow's
// Spyglass shows.
//
// What is written is always well-formed, whatever a test printed: terminal
// colours and characters that XML cannot hold are dropped, and counts are
// computed from the cases. The parsers around us swallow errors or cannot write;
// this one refuses a broken file, since half a report reads like a passed one.
package junit

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"time"
)

// Suite is a group of cases: a package that was linted, a test binary that ran.
type Suite struct {
	Name  string
	Cases []Case
}

// Case is one test. It passed unless Failure or Skipped says otherwise.
type Case struct {
	Name    string
	Class   string // what it is a test of; may be empty
	Time    time.Duration
	Failure *Message
	Skipped *Message
	Output  string // what it printed
}

// Message says why a case failed or was skipped: in a line, and in full.
type Message struct {
	Line string
	Text string
}

// Failed counts the cases that failed.
func (s Suite) Failed() int {
	return s.count(func(c Case) bool { return c.Failure != nil })
}

// Skipped counts the cases that were skipped.
func (s Suite) Skipped() int {
	return s.count(func(c Case) bool { return c.Skipped != nil })
}

// Time is the sum of the cases' times.
func (s Suite) Time() time.Duration {
	var sum time.Duration
	for _, c := range s.Cases {
		sum += c.Time
	}
	return sum
}

func (s Suite) count(is func(Case) bool) int {
	n := 0
	for _, c := range s.Cases {
		if is(c) {
			n++
		}
	}
	return n
}

// The elements of a file.
type (
	suitesXML struct {
		XMLName xml.Name   `xml:"testsuites"`
		Suites  []suiteXML `xml:"testsuite"`
	}
	suiteXML struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Skipped  int        `xml:"skipped,attr"`
		Time     seconds    `xml:"time,attr"`
		Suites   []suiteXML `xml:"testsuite"`
		Cases    []caseXML  `xml:"testcase"`
	}
	caseXML struct {
		Name    string      `xml:"name,attr"`
		Class   string      `xml:"classname,attr,omitempty"`
		Time    seconds     `xml:"time,attr"`
		Failure *messageXML `xml:"failure"`
		Error   *messageXML `xml:"error"`
		Skipped *messageXML `xml:"skipped"`
		Output  string      `xml:"system-out,omitempty"`
	}
	messageXML struct {
		Line string `xml:"message,attr,omitempty"`
		Text string `xml:",chardata"`
	}
)

// seconds is a time as JUnit spells it: 1.5.
type seconds time.Duration

// MarshalXMLAttr writes milliseconds and no more: finer is noise.
func (s seconds) MarshalXMLAttr(name xml.Name) (xml.Attr, error) {
	return xml.Attr{Name: name, Value: fmt.Sprintf("%.3f", time.Duration(s).Seconds())}, nil
}

// UnmarshalXMLAttr reads a decimal number of seconds; no value is none.
func (s *seconds) UnmarshalXMLAttr(attr xml.Attr) error {
	if attr.Value == "" {
		return nil
	}
	value, err := strconv.ParseFloat(attr.Value, 64)
	if err != nil {
		return fmt.Errorf("time %q is no number of seconds", attr.Value)
	}
	*s = seconds(value * float64(time.Second))
	return nil
}
