package importer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/evidence"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

type reader func([]byte) (Report, error)

func softfailed(allowed bool) reader {
	return func(data []byte) (Report, error) { return OpenQA(data, allowed) }
}

// TestFixtures reads what the runners themselves write.
func TestFixtures(t *testing.T) {
	for _, tt := range []struct {
		file string
		read reader
		want Report
	}{
		{"pytest.xml", JUnit, Report{Outcome: evidence.Failed,
			Passed: []string{"tests.test_boot.test_login"},
			Failed: []string{"tests.test_boot.test_network[eth0]", "tests.test_boot.test_clock"}}},
		{"googletest.xml", JUnit, Report{Outcome: evidence.Passed, Passed: []string{"Clock.Ticks", "Clock.Stops"}}},
		{"finished-success.json", Prow, Report{Outcome: evidence.Passed, Finished: noon}},
		{"finished-aborted.json", Prow, Report{Outcome: evidence.Failed, Finished: noon}},
		{"perl.tap", TAP, Report{Outcome: evidence.Warned,
			Passed: []string{"boots", "network", "a # b"}, Warned: []string{"suspends"}}},
		{"kselftest.tap", TAP, Report{Outcome: evidence.Failed,
			Passed: []string{"selftests: timers: posix_timers"}, Failed: []string{"selftests: timers: nanosleep # exit=1"}}},
		{"node.tap", TAP, Report{Outcome: evidence.Passed, Passed: []string{"reads the clock"}}},
		{"openqa-job.json", softfailed(true), Report{Outcome: evidence.Warned, Finished: noon,
			Passed: []string{"boot"}, Warned: []string{"clock", "sound"}}},
		{"openqa-job.json", softfailed(false), Report{Outcome: evidence.Failed, Finished: noon,
			Passed: []string{"boot"}, Warned: []string{"sound"}, Failed: []string{"clock"}}},
		{"openqa-details.json", softfailed(false), Report{Outcome: evidence.Passed, Finished: noon, Passed: []string{"boot", "network"}}},
		{"tast.json", Tast, Report{Outcome: evidence.Failed, Finished: noon,
			Passed: []string{"platform.Boot"}, Failed: []string{"network.Ping"}}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			got, err := tt.read(data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOutcome is about reports that a careless reader might take for a pass.
func TestOutcome(t *testing.T) {
	for _, tt := range []struct {
		what string
		read reader
		text string
		want evidence.Outcome
	}{
		{"no suite", JUnit, `<testsuites/>`, evidence.Failed},
		{"no case", JUnit, `<testsuite name="x" tests="0"/>`, evidence.Failed},
		{"all skipped", JUnit, `<testsuite><testcase name="a"><skipped/></testcase></testsuite>`, evidence.Failed},
		{"failed and skipped", JUnit, `<testsuite><testcase name="b"/><testcase name="a"><skipped/><failure/></testcase></testsuite>`, evidence.Failed},
		{"failed in an inner suite", JUnit, `<testsuites><testsuite><testcase name="a"/><testsuite><testcase name="b"><error/></testcase></testsuite></testsuite></testsuites>`, evidence.Failed},
		{"passed", TAP, "1..1\nok\n", evidence.Passed},
		{"plan at the end", TAP, "ok 1\nok 2\n1..2\n", evidence.Passed},
		{"lines between", TAP, "1..1\nhello\n# comment\n  not ok 1 - inner\nok 1\n", evidence.Passed},
		{"no plan", TAP, "ok 1\n", evidence.Failed},
		{"missing test", TAP, "1..2\nok 1\n", evidence.Failed},
		{"another test", TAP, "1..2\nok 1\nok 3\n", evidence.Failed},
		{"one too many", TAP, "1..1\nok 1\nok 2\n", evidence.Failed},
		{"nothing planned", TAP, "1..0 # SKIP no kernel\n", evidence.Failed},
		{"all skipped", TAP, "1..1\nok 1 # skip no kernel\n", evidence.Failed},
		{"bail out", TAP, "1..1\nok 1\nBail out! disk full\n", evidence.Failed},
		{"bail out first", TAP, "Bail out!\n", evidence.Failed},
		{"skipped badly", TAP, "1..1\nnot ok 1 # SKIP\n", evidence.Failed},
		{"escaped directive", TAP, "1..1\nnot ok 1 - a \\# TODO\n", evidence.Failed},
		{"huge plan", TAP, "1..2000000000\nok 1\n", evidence.Failed},
		{"without result", Prow, `{"timestamp":1,"passed":true}`, evidence.Passed},
		{"without passed", Prow, `{"timestamp":1,"result":"FAILURE"}`, evidence.Failed},
		{"nothing ran", Tast, `[]`, evidence.Failed},
		{"did not end", Tast, `[{"name":"a","start":"2026-11-21T12:00:00Z","end":"0001-01-01T00:00:00Z"}]`, evidence.Failed},
		{"all skipped", Tast, `[{"name":"a","skipReason":"x","start":"2026-11-21T12:00:00Z","end":"2026-11-21T12:00:00Z"}]`, evidence.Failed},
		{"a failed module", softfailed(true), `{"job":{"id":1,"state":"done","result":"passed","t_finished":"2026-11-21T12:00:00","modules":[{"name":"a","result":"failed"}]}}`, evidence.Failed},
		{"incomplete", softfailed(true), `{"job":{"id":1,"state":"done","result":"incomplete","t_finished":"2026-11-21T12:00:00"}}`, evidence.Failed},
		{"no result", softfailed(true), `{"job":{"id":1,"state":"done","result":"none","t_finished":"2026-11-21T12:00:00"}}`, evidence.Failed},
	} {
		got, err := tt.read([]byte(tt.text))
		if err != nil || got.Outcome != tt.want {
			t.Errorf("%s: %q: got %v, %v; want %s", tt.what, tt.text, got.Outcome, err, tt.want)
		}
	}
}

// TestRefuses is about what is no report, or not yet one.
func TestRefuses(t *testing.T) {
	for _, tt := range []struct {
		what string
		read reader
		text string
		want string // in the error
	}{
		{"nothing", JUnit, "", "empty"},
		{"cut short", JUnit, `<testsuite><testcase name="a"/>`, "EOF"},
		{"another document", JUnit, `<html></html>`, "not <testsuites>"},
		{"two documents", JUnit, `<testsuite><testcase name="a"/></testsuite><testsuite/>`, "two documents"},
		{"text behind", JUnit, `<testsuite><testcase name="a"/></testsuite>x`, "outside"},
		{"counted, not named", JUnit, `<testsuite failures="1"><testcase name="a"/></testsuite>`, "counts failures"},
		{"nothing", Prow, "", "no JSON"},
		{"started only", Prow, `{"timestamp":1795262400,"pull":"1"}`, "not finished"},
		{"no time", Prow, `{"passed":true,"result":"SUCCESS"}`, "not finished"},
		{"pending", Prow, `{"timestamp":1795262400,"passed":false,"result":"PENDING"}`, "not finished"},
		{"two opinions", Prow, `{"timestamp":1795262400,"passed":true,"result":"FAILURE"}`, "but the result is"},
		{"passed twice", Prow, `{"timestamp":1795262400,"passed":false,"passed":true}`, "two things"},
		{"another case", Prow, `{"timestamp":1795262400,"Passed":true}`, "not finished"},
		{"two values", Prow, `{"timestamp":1795262400,"passed":true}{}`, "no JSON"},
		{"a string", Prow, `{"timestamp":1795262400,"passed":"true"}`, "passed"},
		{"nothing", TAP, "", "neither a plan nor a test"},
		{"a log", TAP, "make: *** [all] Error 2\n", "neither a plan nor a test"},
		{"two plans", TAP, "1..1\nok 1\n1..1\n", "second one"},
		{"a number twice", TAP, "1..2\nok 1\nok 1\n", "twice"},
		{"another version", TAP, "TAP version 99\n1..1\nok 1\n", "none that we know"},
		{"no job", softfailed(false), `{"error":"Job does not exist"}`, "no answer"},
		{"running", softfailed(false), `{"job":{"id":1,"state":"running","result":"none","t_finished":null}}`, "not done"},
		{"cancelled", softfailed(false), `{"job":{"id":1,"state":"cancelled","result":"user_cancelled","t_finished":"2026-11-21T12:00:00"}}`, "not done"},
		{"no time", softfailed(false), `{"job":{"id":1,"state":"done","result":"passed"}}`, "t_finished"},
		{"no list", Tast, `null`, "no list"},
		{"an object", Tast, `{}`, "unmarshal object"},
		{"no name", Tast, `[{}]`, "no name"},
		{"a name twice", Tast, `[{"name":"a"},{"name":"a"}]`, "twice"},
	} {
		got, err := tt.read([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %q: got %+v, %v; want an error with %q", tt.what, tt.text, got, err, tt.want)
		}
	}
}

// FuzzImport feeds every reader anything: what it takes must make a statement.
func FuzzImport(f *testing.F) {
	readers := []reader{JUnit, Prow, TAP, softfailed(true), Tast}
	files, err := filepath.Glob(filepath.Join("testdata", "*.*"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i := range readers {
			f.Add(uint8(i), data)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		r, err := readers[int(which)%len(readers)](data)
		if err != nil {
			return
		}
		if r.Outcome == evidence.Passed && len(r.Failed) > 0 {
			t.Errorf("it passed, and %q failed", r.Failed)
		}
		result := evidence.Result{
			Test: "fuzz", Outcome: r.Outcome, Finished: noon,
			Subjects: []evidence.Subject{{Name: "image", Digest: "sha256:" + strings.Repeat("1", 64)}},
			Passed:   r.Passed, Warned: r.Warned, Failed: r.Failed,
		}
		text, err := result.Statement()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := evidence.Parse(text); err != nil {
			t.Error(err)
		}
	})
}
