package ledger

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway.dev/slipway/internal/store/folder"
)

const (
	line = "hello-os/testing"
	one  = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	two  = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

func newStore(t *testing.T) (*folder.Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := folder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

// write appends records of the kinds to a line.
func write(t *testing.T, s *folder.Store, l Line, records ...Record) Line {
	t.Helper()
	for _, r := range records {
		r.Time, r.Who = time.Now(), "tester"
		var err error
		if l, err = l.Append(t.Context(), s, r); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func move(digest string) []Record {
	return []Record{{Kind: Intent, Digest: digest, Run: "r"}, {Kind: Done, Digest: digest}}
}

func TestLineTellsWhatAChannelHolds(t *testing.T) {
	s, _ := newStore(t)
	l := Line{Channel: line}
	if d, _ := l.Holds(); d != "" {
		t.Errorf("empty line holds %q", d)
	}
	l = write(t, s, l, move(one)...)
	l = write(t, s, l, Record{Kind: Intent, Digest: two, From: one, Rollback: true, Run: "a"}, Record{Kind: Resume, Digest: two, Run: "b"})
	if d, _ := l.Holds(); d != one {
		t.Errorf("with an open intent: holds %q", d)
	}
	if open, ok := l.Open(); !ok || open.Digest != two || l.Runner() != "b" {
		t.Errorf("open %v %v, in the hands of %q", open, ok, l.Runner())
	}
	if _, barred := l.Barred(one); barred {
		t.Error("barred before the rollback is done")
	}
	l = write(t, s, l, Record{Kind: Done, Digest: two})
	if _, barred := l.Barred(one); !barred {
		t.Error("not barred after the rollback")
	}
	l = write(t, s, l, Record{Kind: Lift, Digest: one})
	if _, barred := l.Barred(one); barred {
		t.Error("barred after the lift")
	}
	l = write(t, s, l, Record{Kind: Intent, Digest: one})
	head := l.Head()
	if d, _ := head.Holds(); d != two || head.Length() != l.Length() || len(head.Records) > 3 {
		t.Errorf("the head holds %q, has %d records of %d", d, len(head.Records), head.Length())
	}
	if open, ok := head.Open(); !ok || open.Digest != one {
		t.Errorf("the head has open %+v", open)
	}
	l = write(t, s, head, Record{Kind: Aside, Digest: one})
	read, err := Read(t.Context(), s, line)
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := read.Holds(); d != two || read.Length() != l.Length() || len(read.Stays()) != 2 {
		t.Errorf("read back: holds %q, %d records of %d, %d stays", d, read.Length(), l.Length(), len(read.Stays()))
	}
}

func TestAppendRefusesDisorder(t *testing.T) {
	s, _ := newStore(t)
	open := write(t, s, Line{Channel: line}, Record{Kind: Intent, Digest: one})
	for _, tt := range []struct {
		line Line
		kind Kind
		of   string
	}{
		{Line{Channel: "a/b"}, Done, one}, {Line{Channel: "a/b"}, Aside, one}, {Line{Channel: "a/b"}, Resume, one},
		{open, Intent, two}, {open, Done, two}, {open, Lift, one}, {open, "moved", one},
	} {
		if _, err := tt.line.Append(t.Context(), s, Record{Kind: tt.kind, Digest: tt.of}); err == nil {
			t.Errorf("%s of %.9s after %d records was written", tt.kind, tt.of, len(tt.line.Records))
		}
	}
}

// Two at once: one creates the next number, all others are told.
func TestLineIsNoTree(t *testing.T) {
	s, _ := newStore(t)
	var mu sync.Mutex
	won, raced := 0, 0
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			_, err := Line{Channel: line}.Append(t.Context(), s, Record{Kind: Intent, Digest: one, Run: fmt.Sprint(i)})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case errors.Is(err, ErrRaced):
				raced++
			}
		})
	}
	group.Wait()
	if won != 1 || raced != 19 {
		t.Errorf("%d won, %d were told, want 1 and 19", won, raced)
	}
}

func TestChannelsBelowAnotherAreNotItsRecords(t *testing.T) {
	s, _ := newStore(t)
	write(t, s, Line{Channel: line + "/next"}, move(one)...)
	l, err := Read(t.Context(), s, line)
	if err != nil || len(l.Records) != 0 {
		t.Errorf("got %d records, %v", len(l.Records), err)
	}
}

func TestAnyChangedByteIsSeen(t *testing.T) {
	s, dir := newStore(t)
	l := write(t, s, Line{Channel: line}, append(move(one), move(two)...)...)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for n := range len(l.Records) {
		path := filepath.Join(dir, key(line, n))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range text {
			changed := append([]byte{}, text...)
			changed[i] ^= byte(1 + random.IntN(255))
			replace(t, path, changed)
			if _, err := Read(t.Context(), s, line); !errors.Is(err, ErrBroken) {
				t.Fatalf("record %d, byte %d from %q to %q: got %v", n, i, text[i], changed[i], err)
			}
		}
		for _, other := range []string{"", "{}", string(text) + "\n", " " + string(text)} {
			replace(t, path, []byte(other))
			if _, err := Read(t.Context(), s, line); !errors.Is(err, ErrBroken) {
				t.Fatalf("record %d as %q: got %v", n, other, err)
			}
		}
		replace(t, path, text)
	}
	if _, err := Read(t.Context(), s, line); err != nil {
		t.Errorf("all put back: %v", err)
	}
}

func TestMovedRecordsAreSeen(t *testing.T) {
	s, dir := newStore(t)
	write(t, s, Line{Channel: line}, append(move(one), move(two)...)...)
	path := func(n int) string { return filepath.Join(dir, key(line, n)) }
	third, err := os.ReadFile(path(2))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path(2)); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(t.Context(), s, line); !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), "00000002") {
		t.Errorf("a record is missing: got %v", err)
	}
	replace(t, filepath.Join(dir, key("other/testing", 0)), third)
	if _, err := Read(t.Context(), s, "other/testing"); !errors.Is(err, ErrBroken) {
		t.Errorf("a record of another line: got %v", err)
	}
}

func replace(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.RemoveAll(path), os.WriteFile(path, text, 0o444)); err != nil {
		t.Fatal(err)
	}
}
