package gotest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/checks/gotool"
	"slipway.dev/slipway/internal/junit"
)

// feed runs events through a reader in pieces of a size.
func feed(text string, size int) (*results, string) {
	var log bytes.Buffer
	r := newResults(gotool.Module{Root: "/r", Folder: "."}, []gotool.Package{{ImportPath: "m/p", Dir: "/r/p"}}, io.Discard)
	e := newEvents(r, &log)
	for text != "" {
		n := min(size, len(text))
		_, _ = e.Write([]byte(text[:n]))
		text = text[n:]
	}
	e.flush()
	return r, log.String()
}

// lines of `go test -json`, among them some of a test that writes past the testing
// package, and a last one without an end.
const stream = `{"Action":"start","Package":"m/p"}
{"Action":"run","Package":"m/p","Test":"TestA"}
{"Action":"output","Package":"m/p","Test":"TestA","Output":"=== RUN   TestA\n"}
not JSON at all
{"Action":"output","Package":"m/p","Test":"TestA","Output":"    a_test.go:3: bad\n"}
{"half": 1}
{"Action":"fail","Package":"m/p","Test":"TestA","Elapsed":1.5}
{"Action":"run","Package":"m/p","Test":"TestB"}
{"Action":"pass","Package":"m/p","Test":"TestB","Elapsed":0.25}
{"Action":"fail","Package":"m/p","Elapsed":2}`

func TestEventsInPieces(t *testing.T) {
	want := []junit.Suite{{Name: "m/p", Cases: []junit.Case{
		{Name: "TestA", Class: "m/p", Time: 1500 * time.Millisecond, Failure: &junit.Message{Line: "p/a_test.go:3: bad", Text: "    p/a_test.go:3: bad\n"}},
		{Name: "TestB", Class: "m/p", Time: 250 * time.Millisecond},
	}}}
	for _, size := range []int{1, 10, 10_000} {
		r, log := feed(stream, size)
		if diff := cmp.Diff(want, r.suites(errors.New("exit status 1"))); diff != "" {
			t.Errorf("in pieces of %d (-want +got):\n%s", size, diff)
		}
		if want := "=== RUN   TestA\nnot JSON at all\n    a_test.go:3: bad\n{\"half\": 1}\n"; log != want {
			t.Errorf("log %q, want %q", log, want)
		}
	}
}

// With -count a test runs again under its name; one run that passes hides no other.
func TestRunsOfOneTestAreSeveral(t *testing.T) {
	const one = `{"Action":"run","Package":"m/p","Test":"T"}` + "\n"
	const two = `{"Action":"%s","Package":"m/p","Test":"T"}` + "\n"
	for _, verdicts := range [][]string{{"pass", "fail"}, {"fail", "pass"}, {"pass", ""}} {
		text := ""
		for _, v := range verdicts {
			text += one
			if v != "" {
				text += fmt.Sprintf(two, v)
			}
		}
		r, _ := feed(text, 1000)
		suite := r.suites(nil)[0]
		if len(suite.Cases) != 2 || suite.Failed() != 1 {
			t.Errorf("%q: %+v", verdicts, suite)
		}
	}
}

// However much a test prints, what is kept is bounded, and the log has it all.
func TestHugeOutputIsBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString(`{"Action":"run","Package":"m/p","Test":"TestA"}` + "\n")
	for range 200 {
		fmt.Fprintf(&text, `{"Action":"output","Package":"m/p","Test":"TestA","Output":"%s\n"}`+"\n", strings.Repeat("x", 4000))
	}
	text.WriteString(strings.Repeat("y", 3*maxLine) + "\n")
	text.WriteString(`{"Action":"fail","Package":"m/p","Test":"TestA"}` + "\n")
	r, log := feed(text.String(), 32<<10)
	if got := len(r.stray.String()); got > checks.MaxText+100 {
		t.Errorf("%d bytes are kept of what is no event", got)
	}
	failure := r.suites(nil)[0].Cases[0].Failure
	if got := len(failure.Text); got > checks.MaxText+100 {
		t.Errorf("the case has %d bytes", got)
	}
	if !strings.Contains(failure.Text, "bytes left out") {
		t.Error("the case does not say that something is left out")
	}
	for letter, want := range map[string]int{"x": 200 * 4000, "y": 3 * maxLine} {
		if got := strings.Count(log, letter); got != want {
			t.Errorf("the log has %d of %d bytes %s", got, want, letter)
		}
	}
}

// Thousands of tests that fail at length must not make a report that nobody can open.
func TestManyFailuresAreBounded(t *testing.T) {
	r := newResults(gotool.Module{Root: "/r", Folder: "."}, nil, io.Discard)
	sum := 0
	for range 600 {
		sum += len(r.worded(strings.Repeat("z", checks.MaxText)).Text)
	}
	if sum > maxSaid+1<<20 {
		t.Errorf("together %d bytes", sum)
	}
}

// A go test that fails must make some case fail, whatever its events say.
func TestFailureIsNeverLost(t *testing.T) {
	failed := errors.New("go test: exit status 1\nno space left on device")
	for name, text := range map[string]string{
		"no events":        "",
		"all passed":       `{"Action":"run","Package":"m/p","Test":"T"}` + "\n" + `{"Action":"pass","Package":"m/p","Test":"T"}` + "\n" + `{"Action":"pass","Package":"m/p"}`,
		"package not done": `{"Action":"start","Package":"m/p"}`,
		"test not done":    `{"Action":"run","Package":"m/p","Test":"T"}`,
	} {
		r, _ := feed(text, 100)
		count := 0
		for _, s := range r.suites(failed) {
			count += s.Failed()
		}
		if count == 0 {
			t.Errorf("%s: no case failed", name)
		}
	}
}

// What is no event and has no end must not fill the memory.
func TestEndlessLineIsNotKept(t *testing.T) {
	e := newEvents(newResults(gotool.Module{}, nil, io.Discard), io.Discard)
	for range 8 {
		_, _ = e.Write(bytes.Repeat([]byte("y"), maxLine/2))
	}
	if got := cap(e.line); got > 3*maxLine {
		t.Errorf("%d bytes are kept", got)
	}
}

// A package that fails does not hide one that never finished.
func TestEveryUnfinishedPackageFails(t *testing.T) {
	r, _ := feed(`{"Action":"fail","Package":"m/p"}`+"\n"+`{"Action":"start","Package":"m/q"}`+"\n", 100)
	for _, s := range r.suites(errors.New("not done within 1s")) {
		if s.Failed() != 1 {
			t.Errorf("%s: %d failed", s.Name, s.Failed())
		}
	}
}

func TestArgs(t *testing.T) {
	r := run{profile: "c", opts: Options{
		Packages: []string{"./a", "./b"}, Race: true, Timeout: time.Minute, Flags: []string{"-run", "X", "-args", "-v"},
	}}
	want := "go test -json -timeout 1m0s -race -coverprofile c -run X ./a ./b -args -v"
	if got := strings.Join(r.args(), " "); got != want {
		t.Errorf("args = %s, want %s", got, want)
	}
}

func TestProfile(t *testing.T) {
	const text = "mode: set\nm/p/b.go:1.2,3.4 2 1\nm/p/a.go:1.2,3.4 3 0\nm/p/a.go:1.2,3.4 3 1\nm/p/gen file.go:1.1,2.2 5 0\n"
	p, err := parseProfile(text)
	if err != nil {
		t.Fatal(err)
	}
	kept := p.without(func(file string) bool { return file == "m/p/gen file.go" })
	if want := "mode: set\nm/p/a.go:1.2,3.4 3 1\nm/p/b.go:1.2,3.4 2 1\n"; kept.String() != want {
		t.Errorf("got %q, want %q", kept, want)
	}
	if covered, statements := p.total(); covered != 5 || statements != 10 {
		t.Errorf("total %d of %d", covered, statements)
	}
	counted, err := parseProfile("mode: atomic\na.go:1.2,3.4 3 4\na.go:1.2,3.4 3 5\n")
	if want := "mode: atomic\na.go:1.2,3.4 3 9\n"; err != nil || counted.String() != want {
		t.Errorf("got %q, %v", counted, err)
	}
	for _, bad := range []string{"mode: set\nnonsense\n", "mode: set\na.go:1.2,3.4 x 1\n"} {
		if _, err := parseProfile(bad); err == nil {
			t.Errorf("parseProfile(%q) succeeded", bad)
		}
	}
}
