package pairing

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/guest"
)

// scripted is a virtual machine whose programs are a function.
type scripted struct {
	run    func(ctx context.Context, line string) (guest.Output, error)
	closed bool
}

func (s *scripted) Start(context.Context, io.Writer) (guest.Machine, error) { return s, nil }

func (s *scripted) Run(ctx context.Context, c guest.Command) (guest.Output, error) {
	return s.run(ctx, strings.Join(c.Args, " "))
}

func (s *scripted) Dial(context.Context, int) (net.Conn, error) { return nil, guest.ErrUnsupported }
func (s *scripted) Reboot(context.Context) error {
	return errors.New("it is the machine that rebooted")
}
func (s *scripted) Screenshot(context.Context, string) error { return guest.ErrUnsupported }
func (s *scripted) Command() []string                        { return []string{"qemu"} }
func (s *scripted) Close() error                             { s.closed = true; return nil }
func printed(text string) (guest.Output, error)              { return guest.Output{Stdout: []byte(text)}, nil }
func failed(code int, text string) (guest.Output, error) {
	return guest.Output{Code: code, Stderr: []byte(text)}, nil
}

var way = Way{
	Start:  [][]string{{"launch", "{name}", "{root}"}},
	Leader: []string{"leader", "{name}"},
	Exec:   []string{"enter", "{leader}"},
	Reboot: [][]string{{"again", "{leader}"}},
}

// begin starts a pair in which a program prints nothing unless lines say otherwise.
func begin(ctx context.Context, t *testing.T, w Way, vm *scripted, lines map[string]func() (guest.Output, error)) (guest.Machine, error) {
	t.Helper()
	vm.run = func(ctx context.Context, line string) (guest.Output, error) {
		for begin, do := range lines {
			if strings.HasPrefix(line, begin) {
				return do()
			}
		}
		if strings.HasPrefix(line, "leader slipway-container") {
			return printed("42\n")
		}
		if line == "hang" {
			<-ctx.Done()
			return guest.Output{}, context.Cause(ctx)
		}
		return guest.Output{}, nil
	}
	return Starter{VM: vm, Way: w, Boot: 300 * time.Millisecond, Say: func(string) {}}.Start(ctx, io.Discard)
}

// A container that does not start is a failed boot with its reason, and the machine is closed.
func TestStartFails(t *testing.T) {
	type lines = map[string]func() (guest.Output, error)
	hanging := way
	hanging.Start = append([][]string{{"hang"}}, way.Start...)
	for _, tt := range []struct {
		name  string
		way   Way
		lines lines
		want  string
	}{
		{"no disk", way, lines{"sh -euc": func() (guest.Output, error) { return failed(1, "there is no disk") }}, "mount its root exited with 1: there is no disk"},
		{"no program", way, lines{"launch": func() (guest.Output, error) { return guest.Output{}, guest.ErrNoProgram }},
			"launch slipway-container /run/slipway-container/root: the guest has no such program"},
		{"hangs", hanging, nil, "did not start within 300ms, of which its virtual machine took 0s: hang did not end"},
		{"no leader", way, lines{"leader": func() (guest.Output, error) { return failed(3, "no such machine") }}, "leader slipway-container exited with 3: no such machine"},
		{"rubbish", way, lines{"leader": func() (guest.Output, error) { return printed("running\n") }}, `printed "running", and no process's number`},
		{"not ready", way, lines{"enter 42 true": func() (guest.Output, error) { return failed(1, "") }}, "true exited with 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			vm := &scripted{}
			_, err := begin(t.Context(), t, tt.way, vm, tt.lines)
			var boot *guest.BootError
			if !errors.As(err, &boot) || !strings.Contains(boot.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if !vm.closed {
				t.Error("the machine still runs")
			}
		})
	}
}

// Somebody who stops the start gets the reason, and no verdict.
func TestStartInterrupted(t *testing.T) {
	stop := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	vm := &scripted{}
	_, err := begin(ctx, t, way, vm, map[string]func() (guest.Output, error){"leader": func() (guest.Output, error) {
		cancel(stop)
		return failed(1, "")
	}})
	var boot *guest.BootError
	if !errors.Is(err, stop) || errors.As(err, &boot) || !vm.closed {
		t.Errorf("got %v", err)
	}
}

// What a program's end means is of the container; what lacks the way in, of the machine.
func TestRun(t *testing.T) {
	m, err := begin(t.Context(), t, way, &scripted{}, map[string]func() (guest.Output, error){
		"enter 42 absent": func() (guest.Output, error) { return failed(127, "absent: not found") },
		"enter 42 exits":  func() (guest.Output, error) { return failed(127, "I exit with 127") },
		"enter 42 broken": func() (guest.Output, error) { return guest.Output{}, guest.ErrNoProgram },
		`enter 42 sh -c command -v -- "$1" sh absent`: func() (guest.Output, error) { return failed(127, "") },
	})
	if err != nil {
		t.Fatal(err)
	}
	run := func(program string) (guest.Output, error) {
		return m.Run(t.Context(), guest.Command{Args: []string{program}})
	}
	if _, err := run("absent"); !errors.Is(err, guest.ErrNoProgram) {
		t.Errorf("absent: %v", err)
	}
	if out, err := run("exits"); err != nil || out.Code != 127 {
		t.Errorf("exits: %d, %v", out.Code, err)
	}
	if _, err := run("broken"); err == nil || errors.Is(err, guest.ErrNoProgram) || !strings.Contains(err.Error(), "the virtual machine has no enter") {
		t.Errorf("broken: %v", err)
	}
	if _, err := m.(guest.Snapshotter).Snapshot(t.Context()); !errors.Is(err, guest.ErrUnsupported) {
		t.Errorf("a snapshot of what cannot be kept: %v", err)
	}
}

// A reboot is over when the first process is another one.
func TestReboot(t *testing.T) {
	starts, asked := []string{"7", "7", "7", "8"}, 0
	m, err := begin(t.Context(), t, way, &scripted{}, map[string]func() (guest.Output, error){"enter 42 cat /proc/1/stat": func() (guest.Output, error) {
		asked++
		return printed("1 (a b) S" + strings.Repeat(" 0", 18) + " " + starts[min(asked, len(starts))-1] + " 0 0\n")
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Reboot(t.Context()); err != nil || asked != len(starts) {
		t.Errorf("asked %d times, %v", asked, err)
	}
	if err := m.Reboot(t.Context()); err == nil || !strings.Contains(err.Error(), "did not reboot within 300ms: its first process is the one from before") {
		t.Errorf("a container that stays: %v", err)
	}
	without := way
	without.Reboot = nil
	if m, err = begin(t.Context(), t, without, &scripted{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := m.Reboot(t.Context()); !errors.Is(err, guest.ErrUnsupported) {
		t.Errorf("a container that cannot reboot: %v", err)
	}
}
