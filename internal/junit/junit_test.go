package junit

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	spyglass "github.com/GoogleCloudPlatform/testgrid/metadata/junit"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

var sample = []Suite{
	{Name: "hello-guest_1.deb", Cases: []Case{
		{Name: "lintian", Class: "lintian", Time: 1500 * time.Millisecond, Output: "W: recommended-field Priority\n"},
		{Name: "no-copyright-file", Class: "lintian", Failure: &Message{Line: "no-copyright-file", Text: "a <b> & \"c\"\n\x00]]>"}},
		{Name: "arm64", Skipped: &Message{Line: "cannot run here"}},
	}},
	{Name: "empty"},
}

func write(t *testing.T, suites []Suite) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, suites); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestWriteGolden(t *testing.T) {
	golden := filepath.Join("testdata", "sample.xml")
	got := write(t, sample)
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("Write (-want +got); run with -update if it is meant:\n%s", diff)
	}
}

func TestReadWhatWasWritten(t *testing.T) {
	got, err := Read(bytes.NewReader(write(t, sample)))
	if err != nil {
		t.Fatal(err)
	}
	want := []Suite{{Name: sample[0].Name, Cases: append([]Case{}, sample[0].Cases...)}, sample[1]}
	want[0].Cases[1].Failure = &Message{Line: "no-copyright-file", Text: "a <b> & \"c\"\n]]>"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Read (-want +got):\n%s", diff)
	}
}

// Spyglass parses with this library; it must see what we meant.
func TestSpyglassReadsIt(t *testing.T) {
	got, err := spyglass.Parse(write(t, sample))
	if err != nil {
		t.Fatal(err)
	}
	suite := got.Suites[0]
	if suite.Tests != 3 || suite.Failures != 1 || suite.Time != 1.5 || len(suite.Results) != 3 {
		t.Errorf("suite: %+v", suite)
	}
	passed, failed, skipped := suite.Results[0], suite.Results[1], suite.Results[2]
	if passed.Failure != nil || passed.Output == nil || *passed.Output != sample[0].Cases[0].Output || passed.Time != 1.5 {
		t.Errorf("passed case: %+v", passed)
	}
	if failed.Failure == nil || failed.Failure.Message != "no-copyright-file" || !strings.HasPrefix(failed.Failure.Value, "a <b>") {
		t.Errorf("failed case: %+v", failed.Failure)
	}
	if skipped.Skipped == nil || skipped.Skipped.Message != "cannot run here" {
		t.Errorf("skipped case: %+v", skipped.Skipped)
	}
}

func TestReadWhatOthersWrite(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []Suite
	}{
		{"one suite, odd charset", `<?xml version="1.0" encoding="utf8"?><testsuite name="s"><testcase name="c" time="0.25"/></testsuite>`,
			[]Suite{{Name: "s", Cases: []Case{{Name: "c", Time: 250 * time.Millisecond}}}}},
		{"nested", `<testsuites><testsuite name="a"><testsuite name="b"><testcase name="c" time=""><error message="m">t</error></testcase></testsuite></testsuite></testsuites>`,
			[]Suite{{Name: "a/b", Cases: []Case{{Name: "c", Failure: &Message{Line: "m", Text: "t"}}}}}},
		{"no suites", `<testsuites/>`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Read(strings.NewReader(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":         "",
		"other root":    "<html/>",
		"cut off":       `<testsuites><testsuite name="a"><testcase name="b">`,
		"no number":     `<testsuite><testcase name="b" time="soon"/></testsuite>`,
		"other charset": `<?xml version="1.0" encoding="latin1"?><testsuite/>`,
	} {
		if got, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: Read = %v, want an error", name, got)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain\n\ttext ä":          "plain\n\ttext ä",
		"\x1b[1;31mred\x1b[0m":     "red",
		"a\x00b\x08c\rd\uFFFEe":    "abcde",
		"latin1: \xe4":             "latin1: \uFFFD",
		"lone escape \x1b and [0m": "lone escape  and [0m",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzWriteIsReadable(f *testing.F) {
	f.Add("name", "\x1b[31m\x00]]>&<\xff")
	f.Fuzz(func(t *testing.T, name, text string) {
		suites := []Suite{{Name: name, Cases: []Case{{Name: text, Output: text, Failure: &Message{Line: text, Text: text}}}}}
		var out bytes.Buffer
		if err := Write(&out, suites); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(&out); err != nil {
			t.Errorf("Read what Write made of %q, %q: %v", name, text, err)
		}
	})
}
