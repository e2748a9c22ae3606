package qemu_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/qemu"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// log is a console that a test can look at.
type log struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.data.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.data.String()
}

func start(t *testing.T, s guest.Starter) *qemu.Machine {
	t.Helper()
	console := &log{}
	began := time.Now()
	m, err := s.Start(t.Context(), console)
	if err != nil {
		t.Fatalf("%v\nconsole:\n%s", err, console)
	}
	t.Logf("answered after %s", time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() { _ = m.Close() })
	return m.(*qemu.Machine)
}

func run(t *testing.T, g guest.Guest, args ...string) string {
	t.Helper()
	began := time.Now()
	out, err := g.Run(t.Context(), guest.Command{Args: args})
	if err != nil || out.Code != 0 {
		t.Fatalf("%s: %v, exit code %d: %s", strings.Join(args, " "), err, out.Code, out.Stderr)
	}
	t.Logf("%s took %s", strings.Join(args, " "), time.Since(began).Round(time.Millisecond))
	return string(out.Stdout)
}

func TestAnswers(t *testing.T) {
	m := start(t, tinyguest.Config(t, tinyguest.OK))
	if got, want := run(t, m, "uname", "-r"), tinyguest.KernelVersion(t)+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSnapshot(t *testing.T) {
	m := start(t, tinyguest.Config(t, tinyguest.OK))
	began := time.Now()
	s, err := m.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("saved in %s", time.Since(began))
	defer s.Close()
	a := start(t, s)
	run(t, a, "true")
}

var _ = context.Background
