package checks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/junit"
	"slipway.dev/slipway/internal/testkit/need"
)

func put(t *testing.T, root string, files ...string) {
	t.Helper()
	for _, file := range files {
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func runGit(t *testing.T, root string, args ...string) {
	t.Helper()
	if _, err := exec.Output(t.Context(), exec.Cmd{Args: append([]string{"git"}, args...), Dir: root}); err != nil {
		t.Fatal(err)
	}
}

func TestFiles(t *testing.T) {
	need.Tool(t, "git", "git")
	root := t.TempDir()
	put(t, root, " leading space.go", "a.go", "new\nline.go", "sub/b.go", "sub/ignored.go", "gone.go", "not-added.go")
	if err := os.WriteFile(filepath.Join(root, ".gitignore"), []byte("ignored.go\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.go", filepath.Join(root, "link.go")); err != nil {
		t.Fatal(err)
	}
	files := func(root string) []string {
		t.Helper()
		got, err := Files(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	all := []string{" leading space.go", ".gitignore", "a.go", "gone.go", "new\nline.go", "not-added.go", "sub/b.go", "sub/ignored.go"}
	if diff := cmp.Diff(all, files(root)); diff != "" {
		t.Errorf("without git (-want +got):\n%s", diff)
	}
	runGit(t, root, "init", "--quiet")
	runGit(t, root, "add", " leading space.go", ".gitignore", "a.go", "gone.go", "new\nline.go", "sub", "link.go")
	if err := os.Remove(filepath.Join(root, "gone.go")); err != nil {
		t.Fatal(err)
	}
	want := []string{" leading space.go", ".gitignore", "a.go", "new\nline.go", "not-added.go", "sub/b.go"}
	if diff := cmp.Diff(want, files(root)); diff != "" {
		t.Errorf("with git (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"b.go"}, files(filepath.Join(root, "sub"))); diff != "" {
		t.Errorf("a folder in git (-want +got):\n%s", diff)
	}
	t.Setenv("PATH", t.TempDir())
	want = []string{" leading space.go", ".gitignore", "a.go", "new\nline.go", "not-added.go", "sub/b.go", "sub/ignored.go"}
	if diff := cmp.Diff(want, files(root)); diff != "" {
		t.Errorf("git is not installed (-want +got):\n%s", diff)
	}
}

func TestParseFinding(t *testing.T) {
	for _, test := range []struct {
		line string
		want string // as it is printed; empty is no finding
	}{
		{line: "./a.go:3:5: wrong", want: "m/a.go:3:5: wrong"},
		{line: "sub/a.go:3: wrong: x", want: "m/sub/a.go:3: wrong: x"},
		{line: "/root/m/a b.go:3:5: wrong", want: "m/a b.go:3:5: wrong"},
		{line: "/usr/x.go:3:5: wrong", want: "/usr/x.go:3:5: wrong"},
		{line: "../../y.go:3:5: wrong", want: "/y.go:3:5: wrong"},
		{line: "exit status 1"},
		{line: "go: updates to go.mod needed: x"},
		{line: "\tindented.go:1:2: x"},
	} {
		got, ok := ParseFinding("/root", "/root/m", test.line)
		if ok != (test.want != "") || ok && got.String() != test.want {
			t.Errorf("ParseFinding(%q) = %q, %v, want %q", test.line, got, ok, test.want)
		}
	}
}

func TestSuiteCountsByUnit(t *testing.T) {
	got := Suite("s", []string{"b", "a"}, []Finding{
		{Unit: "b", File: "b.go", Line: 10, Message: "later"},
		{Unit: "b", File: "b.go", Line: 2, Column: 1, Message: "sooner"},
		{Unit: "b", File: "b.go", Line: 10, Message: "later"},
		{Unit: "c", Message: "no file"},
	}, time.Second)
	want := junit.Suite{Name: "s", Cases: []junit.Case{
		{Name: "a", Time: time.Second},
		{Name: "b", Failure: &junit.Message{Line: "b.go:2:1: sooner", Text: "b.go:2:1: sooner\nb.go:10: later\n"}},
		{Name: "c", Failure: &junit.Message{Line: "no file", Text: "no file\n"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Suite (-want +got):\n%s", diff)
	}
}

// One check that cannot run, and one that finds something, do not stop the others.
func TestRunGoesOn(t *testing.T) {
	var stdout bytes.Buffer
	job := Job{Root: t.TempDir(), Output: filepath.Join(t.TempDir(), "new"), Stdout: &stdout}
	err := job.Run(t.Context(), "p", []Check{
		{"broken", func(context.Context) ([]junit.Suite, error) { return nil, errors.New("no such tool\nrun: x") }},
		{"finds", func(context.Context) ([]junit.Suite, error) {
			return []junit.Suite{Suite("m", nil, []Finding{{Unit: "u", File: "a.go", Line: 3, Message: "bad"}}, 0)}, nil
		}},
		{"fine", func(context.Context) ([]junit.Suite, error) {
			return []junit.Suite{Suite("m", []string{"u"}, nil, 0)}, nil
		}},
		{"idle", func(context.Context) ([]junit.Suite, error) { return nil, nil }},
	})
	const failed = "p_broken: 1 of 1 failed\np_finds: 1 of 1 failed\np_idle: nothing was checked"
	if err == nil || err.Error() != failed {
		t.Errorf("Run: %v, want %s", err, failed)
	}
	const said = "--- broken: broken runs\nno such tool\nrun: x\np_broken: 1 of 1 failed\n" +
		"--- finds: u\na.go:3: bad\np_finds: 1 of 1 failed\np_fine: 0 of 1 failed\n"
	if diff := cmp.Diff(said, stdout.String()); diff != "" {
		t.Errorf("stdout (-want +got):\n%s", diff)
	}
	for name, want := range map[string]int{"broken": 1, "finds": 1, "fine": 0, "idle": 0} {
		f, err := os.Open(filepath.Join(job.Output, "junit_p_"+name+".xml"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		suites, err := junit.Read(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, got, _ := count(suites); got != want {
			t.Errorf("%s: %d failed, want %d", name, got, want)
		}
	}
}

func TestSelect(t *testing.T) {
	all := []Check{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	got, err := Select(all, []string{"c", "a"})
	if err != nil || strings.Join(Names(got), " ") != "a c" {
		t.Errorf("Select = %v, %v", Names(got), err)
	}
	for _, names := range [][]string{{"a", "d"}, {}} {
		if _, err := Select(all, names); err == nil || !strings.Contains(err.Error(), "the checks are a, b, c") {
			t.Errorf("Select(%q): %v", names, err)
		}
	}
}

// However it is written, what is kept is the beginning and the end.
func TestClipped(t *testing.T) {
	for _, size := range []int{1, 7, 1000} {
		c := Clipped{Max: 20}
		for text := strings.Repeat("x", 100) + "the end!!!"; text != ""; {
			n := min(size, len(text))
			fmt.Fprint(&c, text[:n])
			text = text[n:]
		}
		const want = "xxxxxxxxxx\n... 90 bytes left out ...\nthe end!!!"
		if got := c.String(); got != want {
			t.Errorf("in pieces of %d: %q, want %q", size, got, want)
		}
	}
	whole := Clipped{Max: 20}
	fmt.Fprint(&whole, "short", " enough")
	if got := whole.String(); got != "short enough" {
		t.Errorf("got %q", got)
	}
	if got := Clip(strings.Repeat("a", 30), 20); !strings.Contains(got, "10 bytes left out") {
		t.Errorf("Clip: %q", got)
	}
}
