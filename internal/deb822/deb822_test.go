package deb822

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const control = `# About this package
Source: hello
Maintainer : Some One <one@example.com>
Build-Depends:
 debhelper-compat (= 13),
# the old name
	libjson-c-dev | libjson0-dev,
Uploaders:	

  
Package: hello
Description: says hello
 And more:
 .
 to the world.
`

func TestParse(t *testing.T) {
	got, err := Parse("control", []byte(strings.ReplaceAll(control, "\n", "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	want := []Paragraph{
		{Line: 2, Fields: []Field{
			{"Source", "hello", 2},
			{"Maintainer", "Some One <one@example.com>", 3},
			{"Build-Depends", "\n debhelper-compat (= 13),\n\tlibjson-c-dev | libjson0-dev,", 4},
			{"Uploaders", "", 8},
		}},
		{Line: 11, Fields: []Field{
			{"Package", "hello", 11},
			{"Description", "says hello\n And more:\n .\n to the world.", 12},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paragraphs (-want +got):\n%s", diff)
	}
}

func TestParseErrors(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"no colon", "Source: a\nPackage a\n", `control:2: "Package a" is no field`},
		{"fold without a field", "\n lost\n", "control:2: the line goes on with a field"},
		{"fold after a blank line", "A: b\n\n\tlost\n", "control:3: the line goes on with a field"},
		{"twice", "A: b\nB: c\na: d\n", "control:3: field a stands already in line 1"},
		{"no name", ": b\n", `control:1: "" is no field name`},
		{"dash", "-A: b\n", `control:1: "-A" is no field name`},
		{"blank in name", "A b: c\n", `control:1: "A b" is no field name`},
		{"umlaut in name", "Ä: c\n", "control:1:"},
		{"signature", "-----BEGIN PGP SIGNED MESSAGE-----\n", "control:1:"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Parse("control", []byte(row.text))
			if err == nil || !strings.HasPrefix(err.Error(), row.want) {
				t.Errorf("error is %v, want %s...", err, row.want)
			}
		})
	}
}

func TestParseOne(t *testing.T) {
	for text, want := range map[string]string{"": "0 paragraphs", "A: b\n\nC: d\n": "2 paragraphs", "A": "is no field"} {
		if _, err := ParseOne("control", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want %s", text, err, want)
		}
	}
	p, err := ParseOne("control", []byte("A: b\n"))
	if err != nil || p.Get("a") != "b" || p.Get("c") != "" {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestSet(t *testing.T) {
	var p Paragraph
	p.Set("A", "1")
	p.Set("B", "2")
	p.Set("a", "3")
	got, err := Format(p)
	if want := "A: 3\nB: 2\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestFormatRefuses(t *testing.T) {
	for _, f := range []Field{
		{Name: "", Value: "a"},
		{Name: "A:B", Value: "a"},
		{Name: "A", Value: "a\nInjected: b"},
		{Name: "A", Value: "a\n\n b"},
		{Name: "A", Value: "a\n  \t"},
		{Name: "A", Value: " a"},
		{Name: "A", Value: "a\n# gone"},
	} {
		if got, err := Format(Paragraph{Fields: []Field{f}}); err == nil {
			t.Errorf("%+v: wrote %q", f, got)
		}
	}
	if _, err := Format(Paragraph{}); err == nil {
		t.Error("wrote a paragraph without fields")
	}
}

func ExampleFormat() {
	p, err := ParseOne("control", []byte("Package: hello\nVersion: 1.0\n"))
	if err != nil {
		fmt.Println(err)
	}
	p.Set("Version", "1.1")
	text, err := Format(p)
	fmt.Print(string(text), err)
	// Output:
	// Package: hello
	// Version: 1.1
	// <nil>
}

// FuzzParse checks that whatever parses can be written, and reads as the same again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{control, "A:\n b\n", "A: b\n\n\nC: d", "A:\x00\n\t.\n", "A: \r \r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := Parse("fuzz", data)
		if err != nil {
			return
		}
		text, err := Format(first...)
		if err != nil {
			t.Fatalf("parsed %q, but cannot write it: %v", data, err)
		}
		again, err := Parse("fuzz", text)
		if err != nil {
			t.Fatalf("wrote %q, which does not parse: %v", text, err)
		}
		forgetLines(first)
		forgetLines(again)
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("%q reads as something else (-first +again):\n%s", text, diff)
		}
	})
}

func forgetLines(paragraphs []Paragraph) {
	for i := range paragraphs {
		paragraphs[i].Line = 0
		for j := range paragraphs[i].Fields {
			paragraphs[i].Fields[j].Line = 0
		}
	}
}
