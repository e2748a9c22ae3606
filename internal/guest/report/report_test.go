package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/console"
	"slipway.dev/slipway/internal/junit"
)

var update = flag.Bool("update", false, "write the golden files")

// sample is a run with every kind of end, in which each text ends with tail.
func sample(tail string) Suite {
	result := func(name string, status guest.Status, reason, detail string, files ...string) guest.TestResult {
		return guest.TestResult{Name: name + tail, Status: status, Reason: reason + tail, Detail: detail + tail, Time: 1500 * time.Millisecond, Files: files}
	}
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	return Suite{
		Name: "hello-os/uefi" + tail,
		Run: &guest.Run{
			Name: "hello-os" + tail, Guest: "hello.qcow2" + tail, Digest: "sha256:" + strings.Repeat("a", 64) + tail,
			Started: start, Finished: start.Add(75 * time.Second),
			Tests: []guest.TestResult{
				{Name: "boot", Status: guest.Passed, Time: 20 * time.Second},
				result("sshd", guest.Failed, "port 22 is closed", "got nothing\nwant ^SSH-2.0", "shot.png", "console.log"),
				result("clock", guest.Flaky, "was an hour off", "got 11\nwant 12"),
				result("disk", guest.Denied, "known (https://example.com/1, until 2026-12-31)", "full"),
				result("users", guest.Revived, "passes again, remove the entry", ""),
				result("late", guest.Skipped, "the guest was gone", ""),
			},
			Timings:     []guest.Timing{{Part: "kernel" + tail, Time: time.Second}, {Part: "userspace", Time: 3 * time.Second}, {Part: "answered", Time: 20 * time.Second}},
			Command:     []string{"qemu-system-x86_64", "-m", "1024", "-append", "root=/dev/vda1 it's" + tail},
			Environment: []guest.Fact{{Name: "accelerator" + tail, Value: "tcg" + tail}},
			Files:       []string{"plot.svg", "console.log", "../secret", "gone.txt"},
		},
		Console: []Console{{File: "console.log" + tail, Findings: []console.Finding{{Pattern: "kernel-panic" + tail, Severity: console.Fatal, Means: "the kernel gave up" + tail, Count: 2,
			Matches: []console.Match{{Line: "Kernel panic" + tail, Number: 7, Before: []string{"before" + tail}, After: []string{"after" + tail}}}}}}},
	}
}

// artifacts is a folder with the files that the sample names.
func artifacts(t *testing.T, text string) string {
	t.Helper()
	parent := t.TempDir()
	folder := filepath.Join(parent, "artifacts")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	var shot bytes.Buffer
	if err := png.Encode(&shot, image.NewGray(image.Rect(0, 0, 4, 3))); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"artifacts/shot.png":    shot.String(),
		"artifacts/plot.svg":    `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`,
		"artifacts/console.log": text,
		"secret":                "TOP SECRET",
	} {
		if err := os.WriteFile(filepath.Join(parent, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func page1(t *testing.T, folder string, suites ...Suite) string {
	t.Helper()
	out, err := HTML(folder, suites)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// elements are the tags of a page with their attributes' names, in order.
func elements(t *testing.T, page string) string {
	t.Helper()
	var out strings.Builder
	for z := html.NewTokenizer(strings.NewReader(page)); z.Next() != html.ErrorToken; {
		token := z.Token()
		if token.Type == html.TextToken {
			continue
		}
		out.WriteString(token.Type.String() + " " + token.Data)
		for _, a := range token.Attr {
			out.WriteString(" " + a.Key)
		}
		out.WriteString("\n")
	}
	return out.String()
}

// spyglass is a page as Prow's lens shows it: in an attribute, with nothing but its
// quotes escaped, so that a browser decodes every character reference once more.
func spyglass(t *testing.T, page string) string {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(`<iframe srcdoc="` + strings.ReplaceAll(page, `"`, "&quot;") + `">`))
	z.Next()
	return z.Token().Attr[0].Val
}

var attacks = []string{
	"<script>alert(1)</script>", "</pre><img src=x onerror=alert(1)>", "\"><svg onload=alert(1)>", "' onmouseover='alert(1)",
	"</title><script>alert(1)</script>", "</style><b>", "<!-- ", "-->", "]]>", "&lt;script&gt;alert(1)&lt;/script&gt;", "&#60;script&#62;",
	"{{.Title}}", "\x00<b\x00>", "\xff\xfe<i>", "<\u2060<u>", "javascript:alert(1)", "</details></body></html>", "<?x ?>", "\u202e",
}

// Nothing that a guest prints is markup, neither in the file nor where Spyglass shows it.
func TestHostileOutputIsText(t *testing.T) {
	want := elements(t, page1(t, artifacts(t, "harmless"), sample("harmless")))
	for _, attack := range attacks {
		page := page1(t, artifacts(t, attack), sample(attack))
		if diff := cmp.Diff(want, elements(t, page)); diff != "" {
			t.Errorf("%q changes the page (-want +got):\n%s", attack, diff)
		}
		if diff := cmp.Diff(want, elements(t, spyglass(t, page))); diff != "" {
			t.Errorf("%q changes the page in Spyglass (-want +got):\n%s", attack, diff)
		}
	}
}

func FuzzHostileOutput(f *testing.F) {
	for _, attack := range attacks {
		f.Add(attack)
	}
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, attack string) {
		want := elements(t, page1(t, folder, sample("x")))
		if diff := cmp.Diff(want, elements(t, spyglass(t, page1(t, folder, sample("x"+attack))))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestOneFile(t *testing.T) {
	page := page1(t, artifacts(t, "the log"), sample(""))
	for _, want := range []string{"data:image/png;base64,", "data:image/svg&#43;xml;base64,", "the log", "Kernel panic", "qemu-system-x86_64 -m 1024", "Content-Security-Policy", "prefers-color-scheme: dark", "gone.txt"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"TOP SECRET", "<script", "http-equiv=\"refresh\"", "<link", "src=\"http", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

// A guest that prints much makes no large report: of files the end is shown.
func TestBound(t *testing.T) {
	s := sample("")
	folder := artifacts(t, strings.Repeat("y", 1<<20)+"the end")
	for range 1000 {
		s.Run.Files = append(s.Run.Files, "console.log")
	}
	for i := range s.Run.Tests {
		s.Run.Tests[i].Detail = strings.Repeat("é", 1<<20)
	}
	page := page1(t, folder, s)
	if len(page) > 16<<20 || !strings.Contains(page, "the end") || !strings.Contains(page, "large enough without it") {
		t.Errorf("the page is %d bytes", len(page))
	}
}

func TestNotAPicture(t *testing.T) {
	folder := artifacts(t, "")
	if err := os.WriteFile(filepath.Join(folder, "shot.png"), []byte("<script>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if page := page1(t, folder, sample("")); strings.Contains(page, "data:image/png") || !strings.Contains(page, "no picture") {
		t.Error("what is no PNG is shown as one")
	}
}

func TestJUnitGolden(t *testing.T) {
	var got bytes.Buffer
	if err := junit.Write(&got, JUnit([]Suite{sample("")})); err != nil {
		t.Fatal(err)
	}
	golden(t, "junit.xml", got.Bytes())
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got), write it by -update:\n%s", name, diff)
	}
}

func TestJudge(t *testing.T) {
	want := Verdict{
		Passed: []string{"hello-os/uefi.boot"}, Failed: []string{"hello-os/uefi.sshd"},
		Warned: []string{"hello-os/uefi.clock", "hello-os/uefi.disk", "hello-os/uefi.users"},
	}
	if diff := cmp.Diff(want, Judge([]Suite{sample("")})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s := sample("")
	s.Run.Tests = s.Run.Tests[2:]
	if v := Judge([]Suite{s}); v.Good || len(v.Failed) != 1 {
		t.Errorf("a run with a skipped test: %+v", v)
	}
	s.Run.Tests = s.Run.Tests[:3]
	if v := Judge([]Suite{s}); !v.Good || len(v.Warned) != 3 || v.Failed != nil {
		t.Errorf("a run of flaky, denied and revived tests: %+v", v)
	}
	if Judge(nil).Good {
		t.Error("no run is good")
	}
}

func TestWrite(t *testing.T) {
	folder := artifacts(t, "")
	if err := Write(folder, []Suite{sample("")}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(folder, JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	var suites []Suite
	if err := json.Unmarshal(data, &suites); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample("").Run, suites[0].Run); diff != "" {
		t.Errorf("run.json (-want +got):\n%s", diff)
	}
	for _, name := range []string{JUnitFile, HTMLFile} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConsoles(t *testing.T) {
	folder := artifacts(t, "a\n[    1.0] Kernel panic - not syncing: x\nb\n")
	run := &guest.Run{Files: []string{"shot.png", "console.log"}}
	found, err := Consoles(folder, run, nil)
	if err != nil || len(found) != 1 || found[0].Findings[0].Severity != console.Fatal {
		t.Errorf("found %+v, %v", found, err)
	}
	found, err = Consoles(folder, run, []string{"kernel-panic"})
	if err != nil || found[0].Findings[0].Severity != console.Ignored {
		t.Errorf("found %+v, %v", found, err)
	}
	if _, err = Consoles(folder, &guest.Run{Files: []string{"../console.log"}}, nil); err == nil {
		t.Error("a log outside of the folder is read")
	}
}

func TestShell(t *testing.T) {
	got := Shell([]string{"qemu", "-drive", "file=a b,if=none", "it's", "", "$x", "a=b"})
	if want := `qemu -drive 'file=a b,if=none' 'it'\''s' '' '$x' a=b`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBars(t *testing.T) {
	got := bars([]guest.Timing{{Part: "kernel", Time: time.Second}, {Part: "userspace", Time: 3 * time.Second}, {Part: "answered", Time: 4 * time.Second}})
	if got[0].Width != 25 || got[1].From != 25 || got[1].Width != 75 || got[2].From != 0 || got[2].Width != 100 {
		t.Errorf("got %+v", got)
	}
}
