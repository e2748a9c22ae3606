package flowstep

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

	"slipway.dev/slipway/internal/exec"
)

// pod is the folder that the containers of a pod share.
type pod struct{ logs string }

func (p pod) ended(t *testing.T, container, code string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.logs, container+"-marker.txt"), []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p pod) step(after []string, makes []string, script string) (Step, *bytes.Buffer) {
	var out bytes.Buffer
	wait := Wait{Logs: p.logs, After: after, Deadline: 20 * time.Second, Say: func(m string) { fmt.Fprintln(&out, m) }}
	return Step{Wait: wait, Makes: makes, Command: []string{"sh", "-c", script}, Stdout: &out, Stderr: &out}, &out
}

// A build begins when all that it needs has ended well, and not before.
func TestRunWaits(t *testing.T) {
	p := pod{t.TempDir()}
	out := filepath.Join(t.TempDir(), "out")
	s, said := p.step([]string{"one", "two"}, []string{out}, "echo built > "+out+"/file; echo it ran")
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }()
	p.ended(t, "one", "0")
	time.Sleep(600 * time.Millisecond)
	select {
	case err := <-done:
		t.Fatalf("it did not wait for two: %v", err)
	default:
	}
	p.ended(t, "two", "") // it is being written
	time.Sleep(300 * time.Millisecond)
	p.ended(t, "two", "0")
	if err := <-done; err != nil || !strings.Contains(said.String(), "it ran") {
		t.Errorf("got %v, %s", err, said)
	}
}

func TestRunFails(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "out")
	tests := []struct {
		name   string
		marks  map[string]string
		makes  []string
		script string
		want   string
	}{
		{"what it needs failed", map[string]string{"one": "3"}, nil, "touch " + folder, "one ended with exit code 3, so this was not started"},
		{"what it needs was killed", map[string]string{"one": "x"}, nil, "touch " + folder, "has left no exit code"},
		{"it fails", map[string]string{"one": "0"}, nil, "exit 7", "exit status 7"},
		{"an output is missing", map[string]string{"one": "0"}, []string{folder + "-made"}, "true", "left nothing in " + folder + "-made"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := pod{t.TempDir()}
			for container, code := range tt.marks {
				p.ended(t, container, code)
			}
			s, _ := p.step([]string{"one"}, tt.makes, tt.script)
			if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if _, err := os.Stat(folder); err == nil {
				t.Error("it was started")
			}
		})
	}
}

// A failure is told at once, though something else goes on.
func TestFailureIsToldAtOnce(t *testing.T) {
	p := pod{t.TempDir()}
	p.ended(t, "two", "1")
	s, _ := p.step([]string{"one", "two"}, nil, "true")
	began := time.Now()
	if err := s.Run(t.Context()); err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
}

func TestWaitHasADeadline(t *testing.T) {
	p := pod{t.TempDir()}
	s, _ := p.step([]string{"one"}, nil, "true")
	s.Deadline = 300 * time.Millisecond
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "not done within 300ms") {
		t.Errorf("got %v", err)
	}
}

func TestInterruptEndsTheBuild(t *testing.T) {
	p := pod{t.TempDir()}
	s, _ := p.step(nil, nil, "sleep 600")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 500*time.Millisecond, errors.New("called off"))
	defer cancel()
	began := time.Now()
	err := s.Run(ctx)
	var failed *exec.Error
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "called off") || time.Since(began) > 15*time.Second {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
}

func TestSkip(t *testing.T) {
	p := pod{t.TempDir()}
	s, said := p.step(nil, []string{filepath.Join(p.logs, "out")}, "exit 1")
	s.Skip = filepath.Join(p.logs, "skip")
	if err := os.WriteFile(s.Skip, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err != nil || !strings.Contains(said.String(), "nothing new") {
		t.Errorf("got %v, %s", err, said)
	}
}
