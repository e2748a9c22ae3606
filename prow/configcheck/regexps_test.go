package configcheck

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnchored(t *testing.T) {
	for expression, want := range map[string]bool{
		"^main$": true, "^(main|next)$": true, "^main$|^next$": true, "^ $": true, "^release-.*$": true,
		"main": false, "^main": false, "main$": false, "^main|next$": false, "^(main|next)": false, "(^main|next)$": false, "": false, "^a$|b": false, "(": false, "(?m)^a$": false,
	} {
		if got := anchored(expression); got != want {
			t.Errorf("anchored(%q) = %v", expression, got)
		}
	}
}

func TestExamples(t *testing.T) {
	for expression, want := range map[string][]string{
		"^main$":                         {"main"},
		"^(main|next)$":                  {"main", "next"},
		"^release-[0-9]+$":               {"release-1"},
		`^v[0-9]+\.[0-9]+\.[0-9]+-test$`: {"v1.1.1-test"},
		`^release-R\d{2}-[[:alpha:]]x?$`: {"release-R11-A", "release-R11-a", "release-R11-Ax", "release-R11-ax"},
		"^.*$":                           {"", "x"},
		"^ $":                            {" "},
		`^a\bb$`:                         {},
		"(":                              nil,
		"^[m,d]ain$":                     {",ain", "dain", "main"},
		"^(aa|b){12}$":                   nil, // as many as are taken
	} {
		got := examples(expression)
		if want == nil && expression != "(" {
			if len(got) != maxSamples {
				t.Errorf("%d examples of %s", len(got), expression)
			}
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("examples(%s): %s", expression, diff)
		}
	}
}

func TestNeverRef(t *testing.T) {
	for expression, want := range map[string]bool{
		"^ $": true, "^no branch$": true, " ": false, "^ ?$": false, "^main$": false, "^( |main)$": false, "(": false,
	} {
		if got := neverRef(expression); got != want {
			t.Errorf("neverRef(%q) = %v", expression, got)
		}
	}
}
