package report

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"os"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/guest"
)

//go:embed report.html.tmpl
var page string

// HTML is the report for people: one file that needs no other, no network and no script.
// folder is where the runs' files are.
func HTML(folder string, suites []Suite) (out []byte, err error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	t, err := template.New("report").Funcs(template.FuncMap{"text": harmless, "time": Seconds, "class": class}).Parse(page)
	if err != nil {
		return nil, err
	}
	var written bytes.Buffer
	err = t.Execute(&written, newView(suites, &embedder{root, maxEmbedded}))
	return written.Bytes(), err
}

// harmless keeps text from being markup even if it is unescaped once more, which is what
// Spyglass does to a report: it puts the file into an attribute, escaping nothing but
// quotes. A tag needs a letter, a slash, ! or ? right after the <, so a word joiner, which
// nobody sees, stands there. For the same reason no text may stand in an attribute.
func harmless(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "<", "<\u2060")
}

// class is the style of a word for how something ended, if it is one of ours.
func class(word string) string {
	ours := []string{"passed", "failed", "flaky", "denied", "revived", "skipped", "fatal", "error", "warning", "ignored"}
	if slices.Contains(ours, word) {
		return word
	}
	return "dim"
}

// Seconds is a time as people read it.
func Seconds(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}

// view is what the page shows.
type view struct {
	Title  string
	Good   bool
	Suites []suiteView
}

type suiteView struct {
	Name, Summary string
	Good          bool
	Run           *guest.Run
	Took          time.Duration
	Tests         []testView
	Timings       []bar
	Consoles      []Console
	Command       string
	Files         []file
}

type testView struct {
	guest.TestResult
	Detail string
	Open   bool
	Files  []file
}

// bar is a timing with its place among the others, in percent.
type bar struct {
	guest.Timing
	From, Width int
}

func newView(suites []Suite, e *embedder) view {
	v := view{Title: "no tests", Good: Good(suites)}
	for i, s := range suites {
		if i == 0 {
			v.Title = s.Run.Name
		}
		v.Suites = append(v.Suites, newSuiteView(s, e))
	}
	return v
}

func newSuiteView(s Suite, e *embedder) suiteView {
	v := suiteView{
		Name: s.Name, Summary: Summary(s.Run), Good: s.Run.Good(), Run: s.Run,
		Took: s.Run.Finished.Sub(s.Run.Started), Timings: bars(s.Run.Timings), Consoles: s.Console, Command: Shell(s.Run.Command),
	}
	for _, test := range s.Run.Tests {
		t := testView{TestResult: test, Detail: cut(test.Detail, maxDetail), Open: test.Status == guest.Failed}
		for _, name := range test.Files {
			t.Files = append(t.Files, e.file(name))
		}
		v.Tests = append(v.Tests, t)
	}
	for _, name := range s.Run.Files {
		v.Files = append(v.Files, e.file(name))
	}
	return v
}

// Summary counts the tests of a run by how they ended: 12 passed, 1 failed.
func Summary(run *guest.Run) string {
	var parts []string
	for _, status := range []guest.Status{guest.Passed, guest.Flaky, guest.Denied, guest.Revived, guest.Failed, guest.Skipped} {
		n := 0
		for _, test := range run.Tests {
			if test.Status == status {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, status))
		}
	}
	if parts == nil {
		return "no tests"
	}
	return strings.Join(parts, ", ")
}

// boots are the parts of a boot that follow each other; others stand beside them.
var boots = []string{"firmware", "loader", "kernel", "initrd", "userspace"}

// bars puts the parts of the boot one after the other, on the scale of the longest.
func bars(timings []guest.Timing) []bar {
	var sum, longest time.Duration
	for _, t := range timings {
		longest = max(longest, t.Time)
		if slices.Contains(boots, t.Part) {
			sum += t.Time
		}
	}
	scale := max(sum, longest, 1)
	var out []bar
	var at time.Duration
	for _, t := range timings {
		b := bar{Timing: t, Width: int(max(t.Time, 0) * 100 / scale)}
		if slices.Contains(boots, t.Part) {
			b.From = int(at * 100 / scale)
			at += max(t.Time, 0)
		}
		out = append(out, b)
	}
	return out
}

// Shell is a command as a person pastes it into a shell.
func Shell(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		plain := arg != "" && strings.Trim(arg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,./:@%") == ""
		if quoted[i] = arg; !plain {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
