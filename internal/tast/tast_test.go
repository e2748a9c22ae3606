package tast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	good    = `{"name":"a.Good","pkg":"p","errors":null,"start":"2026-11-21T11:00:00Z","end":"2026-11-21T11:00:02Z","skipReason":""}`
	bad     = `{"name":"a.Bad","errors":[{"time":"2026-11-21T11:00:00Z","reason":"No ping","file":"ping.go","line":42,"stack":"No ping\n\tat ping.go:42"}],"start":"2026-11-21T11:00:00Z","end":"2026-11-21T11:00:02Z"}`
	skipped = `{"name":"a.Skipped","errors":null,"start":"2026-11-21T11:00:00Z","end":"2026-11-21T11:00:00Z","skipReason":"missing SoftwareDeps: audio"}`
	running = `{"name":"a.Running","errors":null,"start":"2026-11-21T11:00:00Z","end":"0001-01-01T00:00:00Z"}`
	later   = `{"name":"a.Running","errors":null,"start":"2026-11-21T11:00:00Z","end":"2026-11-21T11:00:05Z"}`
)

// TestReadFolder reads what runs leave. Only a whole one is a pass.
func TestReadFolder(t *testing.T) {
	for _, test := range []struct {
		name     string
		files    map[string]string
		expected []string
		good     bool
		passed   []string
		failed   []string
		says     string
	}{
		{"passed", map[string]string{ResultsFile: "[" + good + "," + skipped + "]"}, nil, true, []string{"a.Good"}, nil, ""},
		{"failed", map[string]string{ResultsFile: "[" + good + "," + bad + "]"}, nil, false, []string{"a.Good"}, []string{"a.Bad"}, "No ping"},
		{"one is missing", map[string]string{ResultsFile: "[" + good + "]"}, []string{"a.Good", "a.Bad"}, false, []string{"a.Good"}, []string{"a.Bad"}, "it did not run"},
		{"did not end", map[string]string{ResultsFile: "[" + good + "," + running + "]"}, nil, false, []string{"a.Good"}, []string{"a.Running"}, "did not end"},
		{"died", map[string]string{StreamFile: good + "\n" + running + "\n"}, nil, false, []string{"a.Good"}, []string{"run", "a.Running"}, "no results.json"},
		{"died after the last test", map[string]string{StreamFile: good + "\n"}, nil, false, []string{"a.Good"}, []string{"run"}, "no results.json"},
		{"stream cut short", map[string]string{StreamFile: good + "\n" + bad[:40]}, nil, false, []string{"a.Good"}, []string{"run"}, "cut short"},
		{"results cut short", map[string]string{ResultsFile: "[" + good}, nil, false, nil, []string{"run"}, "cut short"},
		{"gave up", map[string]string{ResultsFile: "[" + good + "]", errorFile: "lost SSH\n"}, nil, false, []string{"a.Good"}, []string{"run"}, "lost SSH"},
		{"twice", map[string]string{ResultsFile: "[" + good + "," + good + "]"}, nil, false, []string{"a.Good", "a.Good"}, []string{"run"}, "twice"},
		{"twice in the stream", map[string]string{StreamFile: good + "\n" + good + "\n"}, nil, false, []string{"a.Good"}, []string{"run"}, "twice"},
		{"taken up again", map[string]string{StreamFile: running + "\n" + later + "\n"}, nil, false, []string{"a.Running"}, []string{"run"}, "no results.json"},
		{"skipped alone", map[string]string{ResultsFile: "[" + skipped + "]"}, nil, false, nil, []string{"run"}, "no test ran"},
		{"empty list", map[string]string{ResultsFile: "[]"}, nil, false, nil, []string{"run"}, "no test ran"},
		{"empty file", map[string]string{ResultsFile: ""}, nil, false, nil, []string{"run"}, "cut short"},
		{"nothing", nil, nil, false, nil, []string{"run"}, "no results"},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			for name, text := range test.files {
				write(t, filepath.Join(folder, name), text, 0o600)
			}
			run, err := ReadFolder(folder, test.expected)
			if err != nil {
				t.Fatal(err)
			}
			passed, failed := run.Names()
			if diff := cmp.Diff([][]string{test.passed, test.failed}, [][]string{passed, failed}); diff != "" || run.Good() != test.good {
				t.Errorf("good: %t (-want +got):\n%s", run.Good(), diff)
			}
			suite := run.Suite()
			if (suite.Failed() == 0) != test.good || !strings.Contains(fmt.Sprintf("%+v", failures(run)), test.says) {
				t.Errorf("JUnit: %v, want %q", failures(run), test.says)
			}
		})
	}
}

func failures(r *Run) (lines []string) {
	for _, c := range r.Suite().Cases {
		if c.Failure != nil {
			lines = append(lines, c.Name+": "+c.Failure.Line+"\n"+c.Failure.Text)
		}
	}
	return lines
}

func write(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func TestDetails(t *testing.T) {
	results, err := Parse([]byte("[" + bad + "]"))
	if err != nil {
		t.Fatal(err)
	}
	c := results[0].testCase()
	if c.Failure.Line != "No ping" || c.Failure.Text != "ping.go:42: No ping\nNo ping\n\tat ping.go:42" || c.Time.Seconds() != 2 {
		t.Errorf("got %+v", c)
	}
}

func TestArgs(t *testing.T) {
	c := Config{Device: "root@dut:22", Tests: []string{"(group:mainline && !informational)"}, Key: "/key", Flags: []string{"-build=false"}, Results: "/out"}
	want := [][]string{
		{"tast", "list", "-keyfile=/key", "-build=false", "root@dut:22", "(group:mainline && !informational)"},
		{"tast", "run", "-keyfile=/key", "-build=false", "-resultsdir=/out", "root@dut:22", "(group:mainline && !informational)"},
	}
	if diff := cmp.Diff(want, c.Plan()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// stand is a stand-in for tast: it names two tests, and then does what the test wants.
func stand(t *testing.T, run string) Config {
	t.Helper()
	program := filepath.Join(t.TempDir(), "tast")
	write(t, program, "#!/bin/sh\nif [ $1 = list ]; then echo a.Good; echo a.Running; exit; fi\nfor a; do case $a in -resultsdir=*) cd ${a#*=};; esac; done\n"+run, 0o700)
	return Config{Program: program, Device: "dut", Tests: []string{"a.*"}, Results: filepath.Join(t.TempDir(), "results"), Output: io.Discard, Say: func(string) {}}
}

func TestExecute(t *testing.T) {
	stream := "echo '" + good + "' >streamed_results.jsonl\necho '" + running + "' >>streamed_results.jsonl\n"
	whole := "echo '[" + good + "," + later + "]' >results.json\n"
	for _, test := range []struct {
		name, run string
		good      bool
		says      string
	}{
		{"passes", stream + whole, true, ""},
		{"dies", stream + "kill -9 $$\n", false, "tast ended with signal: killed"},
		{"fails with good results", stream + whole + "exit 1\n", false, "tast ended with exit status 1"},
		{"forgets a test", "echo '[" + good + "]' >results.json\n", false, "a.Running: it did not run"},
		{"does nothing", "exit 0\n", false, "there are no results"},
	} {
		t.Run(test.name, func(t *testing.T) {
			run, err := Execute(t.Context(), stand(t, test.run))
			if err != nil {
				t.Fatal(err)
			}
			if run.Good() != test.good || !strings.Contains(strings.Join(failures(run), "\n"), test.says) {
				t.Errorf("good: %t, %v; want %q", run.Good(), failures(run), test.says)
			}
		})
	}
}

// Progress is told while the run goes on, and a run that is interrupted is no verdict.
func TestExecuteInterrupted(t *testing.T) {
	stop := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	c := stand(t, "echo '"+good+"' >streamed_results.jsonl\nsleep 600 & wait\n")
	var mu sync.Mutex
	var said []string
	c.Say = func(message string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, message)
		if strings.Contains(message, "1 of 2: a.Good passed after 2s") {
			cancel(stop)
		}
	}
	if _, err := Execute(ctx, c); !errors.Is(err, stop) {
		t.Errorf("got %v and %q, want the context's cause", err, said)
	}
}

func TestExecuteRefuses(t *testing.T) {
	missing := stand(t, "")
	missing.Program = "no-such-tast"
	off := stand(t, "")
	write(t, off.Program, "#!/bin/sh\necho no route to host >&2; exit 1\n", 0o700)
	none := stand(t, "")
	write(t, none.Program, "#!/bin/sh\n", 0o700)
	full := stand(t, "")
	if err := os.Mkdir(full.Results, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(full.Results, ResultsFile), "[]", 0o600)
	for _, test := range []struct {
		config Config
		want   string
	}{{missing, "tast is not installed"}, {off, "no route to host; see that the device is on"}, {none, "no test on dut matches a.*"}, {full, "holds something already"}} {
		if _, err := Execute(t.Context(), test.config); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

// FuzzStream feeds the stream's reader anything.
func FuzzStream(f *testing.F) {
	f.Add([]byte(good + "\n" + running + "\n" + later + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		results, _, err := ParseStream(data)
		if err == nil && unique(results) != nil {
			t.Errorf("%q: a test stands there twice", data)
		}
	})
}
