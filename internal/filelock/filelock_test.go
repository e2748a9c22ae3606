package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTry(t *testing.T) {
	dir := t.TempDir()
	held, err := Try(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Try(dir); !errors.Is(err, ErrHeld) {
		t.Errorf("a second time: got %v, want ErrHeld", err)
	}
	_ = held.Close()
	again, err := Try(dir)
	if err != nil {
		t.Fatalf("after it was let go: %v", err)
	}
	_ = again.Close()
	if _, err := Try(filepath.Join(dir, "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is not there: got %v", err)
	}
}

// One holder at a time, whoever waits longest; and who waits is told for whom.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "locks", "thing")
	var said []string
	w := Waiter{For: "the thing", Limit: 100 * time.Millisecond, Say: func(m string) { said = append(said, m) }}
	unlock, err := w.Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	who := fmt.Sprintf("the thing made by pid %d", os.Getpid())
	if _, err := w.Lock(t.Context(), path); err == nil || !strings.Contains(err.Error(), "waited 100ms for "+who) {
		t.Errorf("past the limit: got %v", err)
	}
	if len(said) != 1 || said[0] != "waiting for "+who {
		t.Errorf("said %q", said)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("called off"))
	if _, err := w.Lock(ctx, path); err == nil || !strings.HasSuffix(err.Error(), "called off") {
		t.Errorf("called off: got %v", err)
	}
	time.AfterFunc(20*time.Millisecond, unlock)
	again, err := Waiter{For: "the thing", Limit: time.Minute, Say: w.Say}.Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	again()
}
