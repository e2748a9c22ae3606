package console

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// look is what a watcher finds in a text.
func look(text string) []Finding {
	w := New(Options{})
	_, _ = w.Write([]byte(text))
	return w.Findings()
}

func names(findings []Finding) []string {
	var names []string
	for _, f := range findings {
		names = append(names, f.Pattern)
	}
	return names
}

func TestEveryPatternHasExamples(t *testing.T) {
	for _, p := range Patterns() {
		e := examples[p.Name]
		if len(e.yes) < 2 || len(e.no) < 1 {
			t.Errorf("%s: has %d examples and %d near misses, want at least 2 and 1", p.Name, len(e.yes), len(e.no))
		}
		for _, line := range e.yes {
			if !slices.Contains(names(look(line+"\r\n")), p.Name) {
				t.Errorf("%s does not match %q", p.Name, line)
			}
		}
		for _, line := range e.no {
			if slices.Contains(names(look(line+"\n")), p.Name) {
				t.Errorf("%s matches %q", p.Name, line)
			}
		}
	}
	for name := range examples {
		if !Known(name) {
			t.Errorf("there are examples of %s, which is no pattern", name)
		}
	}
}

func TestPatternsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range Patterns() {
		if seen[p.Name] || p.Means == "" || len(p.words) == 0 {
			t.Errorf("%s is there twice, or lacks its meaning or its words", p.Name)
		}
		seen[p.Name] = true
		if p.Severity == Fatal && regexp.MustCompile(`(\$|\\b)(\)|$)`).MatchString(p.match) {
			t.Errorf("%s is fatal and its expression wants the end of a line, which a prompt does not have", p.Name)
		}
	}
	if len(seen) < 30 {
		t.Errorf("there are %d patterns", len(seen))
	}
}

// A whole boot of Debian 12 under emulation, in which all went well.
func TestGoodBoot(t *testing.T) {
	text, err := os.ReadFile("testdata/debian-12.log")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range look(string(text)) {
		if f.Severity.Bad() {
			t.Errorf("a good boot has %v", f)
		}
	}
}

// The words are a short way to the expressions: what an expression matches among all
// examples, a scan finds too.
func TestWordsHideNothing(t *testing.T) {
	s := compiled(nil)
	for _, e := range examples {
		for _, line := range slices.Concat(e.yes, e.no) {
			var want []string
			for _, x := range s.all {
				if x.matches([]byte(line)) {
					want = append(want, x.Name)
				}
			}
			var got []string
			for _, p := range s.scan([]byte(line)) {
				got = append(got, p.Name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", line, diff)
			}
		}
	}
}

func TestColoursAndReturns(t *testing.T) {
	text := "[\x1b[0;1;31mFAILED\x1b[0m] Failed to start \x1b[0;1;39mhello.service\x1b[0m.\r\n" +
		"\x1b]0;title\x07\x1b[2J\x1b(BKernel pa\r\x1b[1mnic - not syncing: x\r\n"
	want := []string{"failed-unit", "kernel-panic"}
	if diff := cmp.Diff(want, names(look(text))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := look(text)[0].Matches[0].Line; got != "[FAILED] Failed to start hello.service." {
		t.Errorf("the line is %q", got)
	}
}

// An escape sequence that does not end must not hide what follows it.
func TestOpenSequenceHidesNothing(t *testing.T) {
	for _, open := range []string{"\x1b[", "\x1b]0;", "\x1bP", "\x1b[1;2;", "\x1b", "\x1b(", "\x1b[\x01"} {
		if got := names(look(open + "x Kernel panic - not syncing: y\n")); !slices.Contains(got, "kernel-panic") {
			t.Errorf("%q hides a panic", open)
		}
	}
}

func TestExcerpts(t *testing.T) {
	var text strings.Builder
	for i := 1; i <= 20; i++ {
		fmt.Fprintf(&text, "before %d\n", i)
	}
	text.WriteString("Kernel panic - not syncing: x\n")
	for i := 1; i <= 40; i++ {
		fmt.Fprintf(&text, "after %d\n", i)
	}
	m := look(text.String())[0].Matches[0]
	if m.Number != 21 || len(m.Before) != before || m.Before[0] != "before 15" || m.Before[5] != "before 20" {
		t.Errorf("line %d, before it %q", m.Number, m.Before)
	}
	if len(m.After) != after || m.After[0] != "after 1" || m.After[after-1] != "after 24" {
		t.Errorf("after it %q", m.After)
	}
}

// The first lines of a pattern are kept, the others are counted.
func TestManyMatches(t *testing.T) {
	f := look(strings.Repeat("UBSAN: shift-out-of-bounds in x\n", 1000))
	if len(f) != 1 || f[0].Count != 1000 || len(f[0].Matches) != maxMatches {
		t.Errorf("got %d findings, %d times, %d lines", len(f), f[0].Count, len(f[0].Matches))
	}
}

func TestLongLines(t *testing.T) {
	text := strings.Repeat("x", MaxLine) + "Kernel panic - not syncing: y" + strings.Repeat("z", 3*MaxLine) + "\n[    1.0] Oops: 0000 [#1]\n"
	f := look(text)
	if diff := cmp.Diff([]string{"kernel-panic", "kernel-oops"}, names(f)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := len(f[0].Matches[0].Line); got > maxShown {
		t.Errorf("the line is %d bytes long", got)
	}
}

// A prompt waits for a person, so its line never ends: it is announced as it stands.
func TestPromptIsFatal(t *testing.T) {
	told := make(chan Finding, 2)
	w := New(Options{Fatal: func(f Finding) { told <- f }})
	for _, b := range []byte("ok\n(initramfs) ") {
		_, _ = w.Write([]byte{b})
	}
	select {
	case f := <-told:
		if f.Pattern != "initramfs-shell" || f.Matches[0].Number != 2 {
			t.Errorf("told of %+v", f)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was told")
	}
	_, _ = w.Write([]byte("reboot\nKernel panic - not syncing: x\n"))
	want := []string{"initramfs-shell", "kernel-panic"}
	if diff := cmp.Diff(want, names(w.Findings())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if len(told) > 0 {
		t.Errorf("told twice: %v", <-told)
	}
}

// Fatal waits for the call trace; if the console ends before, nobody needs to be told.
func TestSettle(t *testing.T) {
	w := New(Options{Settle: time.Hour, Fatal: func(Finding) { t.Error("told") }})
	_, _ = w.Write([]byte("Kernel panic - not syncing: x\n"))
	_ = w.Close()
	if got := names(w.Findings()); len(got) != 1 {
		t.Errorf("found %v", got)
	}
}

func TestFlood(t *testing.T) {
	var log bytes.Buffer
	told := make(chan Finding, 1)
	w := New(Options{Log: &log, MaxLog: 100_000, Fatal: func(f Finding) { told <- f }})
	line := []byte(strings.Repeat("y", 999) + "\n")
	for range 1000 {
		if _, err := w.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if f := <-told; f.Pattern != Flood || log.Len() < 100_000 || log.Len() > 100_100 {
		t.Errorf("told of %v, and kept %d bytes", f, log.Len())
	}
	if again := look(log.String()); len(again) != 1 || again[0].Pattern != Flood {
		t.Errorf("in the log there is %v", again)
	}
	if all, kept := w.Written(); all != 1_000_000 || kept != 100_000 {
		t.Errorf("written %d, kept %d", all, kept)
	}
	if got := len(w.Findings()); got != 1 {
		t.Errorf("%d findings", got)
	}
}

func TestIgnore(t *testing.T) {
	w := New(Options{Ignore: []string{"kernel-panic", Flood}, MaxLog: 10, Fatal: func(f Finding) { t.Errorf("told of %v", f) }})
	_, _ = w.Write([]byte("Kernel panic - not syncing: x\n"))
	for _, f := range w.Findings() {
		if f.Severity != Ignored {
			t.Errorf("%s is %s", f.Pattern, f.Severity)
		}
	}
	if len(w.Findings()) != 2 {
		t.Errorf("found %v", names(w.Findings()))
	}
	if look("Kernel panic - not syncing: x\n")[0].Severity != Fatal {
		t.Error("another watcher ignores it too")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestLogFails(t *testing.T) {
	if _, err := New(Options{Log: full{}}).Write([]byte("x")); err == nil {
		t.Error("a log that cannot be written is no error")
	}
}

// all is a console with every example.
func all() string {
	var lines []string
	for _, p := range Patterns() {
		lines = append(lines, examples[p.Name].yes...)
		lines = append(lines, examples[p.Name].no...)
	}
	return strings.Join(lines, "\r\n")
}

func TestSplitsDoNotMatter(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	text := all() + strings.Repeat("long", MaxLine)
	want := look(text)
	for range 20 {
		w := New(Options{})
		for rest := text; rest != ""; {
			n := min(len(rest), 1+random.IntN(300))
			_, _ = w.Write([]byte(rest[:n]))
			rest = rest[n:]
			if random.IntN(50) == 0 {
				w.Findings()
			}
		}
		if diff := cmp.Diff(want, w.Findings(), cmpopts.IgnoreUnexported(Match{})); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte("[FAILED] Failed to mount /data.\r\n[    1.0] Oops: 0000 [#1]\n(initramfs) "), uint8(7))
	f.Add([]byte("\x1b[31mKernel panic - not syncing: x\x1b["), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, n uint8) {
		w := New(Options{MaxLog: 1000})
		for chunk := range slices.Chunk(text, int(n)+1) {
			if _, err := w.Write(chunk); err != nil {
				t.Fatal(err)
			}
		}
		whole := New(Options{MaxLog: 1000})
		_, _ = whole.Write(text)
		byName := cmpopts.SortSlices(func(a, b Finding) bool { return a.Pattern < b.Pattern })
		if diff := cmp.Diff(whole.Findings(), w.Findings(), cmpopts.IgnoreUnexported(Match{}), byName); diff != "" {
			t.Errorf("(-whole +split):\n%s", diff)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	text := []byte(strings.Repeat("[   12.345678] virtio_net virtio0 ens3: renamed from eth0 and something more to fill it\r\n", 1000))
	w := New(Options{})
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		for chunk := range slices.Chunk(text, 4096) {
			_, _ = w.Write(chunk)
		}
	}
}
