package play

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/cli"
)

// What is shown can be typed.
func TestTyped(t *testing.T) {
	var said bytes.Buffer
	s := &Stage{Env: cli.Env{Stdout: &said}}
	s.Typed([]string{"slipway", "--why", "it isn't $right", "--to=sha256:0", "a/b@c", ""})
	if got, want := said.String(), "$ slipway --why 'it isn'\\''t $right' --to=sha256:0 a/b@c ''\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What a command says is shown as it comes, line by line, and kept whole.
func TestShown(t *testing.T) {
	var out bytes.Buffer
	b := &shown{to: &out}
	for _, part := range []string{"one\nt", "wo", "\n", "three"} {
		if _, err := b.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if got := out.String(); got != "  one\n  two\n" {
		t.Errorf("before the end: %q", got)
	}
	if got, want := b.end(), "one\ntwo\nthree"; got != want || out.String() != "  one\n  two\n  three\n" {
		t.Errorf("got %q, shown %q", got, out.String())
	}
}

// A folder that no demo made is not removed.
func TestNewFolderKeepsWhatIsNotItsOwn(t *testing.T) {
	path := t.TempDir()
	mine := filepath.Join(path, Readme)
	if err := os.WriteFile(mine, []byte("My own.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewFolder(path, "What a demo left.\n"); err == nil || !strings.Contains(err.Error(), "--output") {
		t.Errorf("got %v, want that another folder is to be named", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
}
