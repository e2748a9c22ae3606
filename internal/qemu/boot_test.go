package qemu_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
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

// What a guest does when it is asked, by its agent and over SSH.
func TestGuest(t *testing.T) {
	t.Parallel()
	for _, way := range []string{qemu.Agent, qemu.SSH} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			c := tinyguest.Config(t, tinyguest.OK)
			c.Talk = way
			checkGuest(t, start(t, c))
		})
	}
	t.Run("microvm", func(t *testing.T) {
		t.Parallel()
		c := tinyguest.Config(t, tinyguest.NoAgent)
		c.Machine = qemu.MicroVM
		// A microvm has but the PIT to measure the TSC by, and on a busy machine the kernel
		// then stands still: told the frequency, it does not measure.
		c.Append += " tsc_early_khz=1000000"
		m := start(t, c)
		run(t, m, "true")
		if err := m.Screenshot(t.Context(), filepath.Join(t.TempDir(), "x.png")); !errors.Is(err, guest.ErrUnsupported) {
			t.Errorf("a microvm's screenshot: %v", err)
		}
	})
}

func checkGuest(t *testing.T, m *qemu.Machine) {
	t.Helper()
	if got, want := run(t, m, "uname", "-r"), tinyguest.KernelVersion(t)+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	out, err := m.Run(t.Context(), guest.Command{Args: []string{"sh", "-c", `cat; echo "$1" >&2; exit 7`, "x", "it's $HOME, \"a\"\n"}, Stdin: []byte("in\x00put")})
	if err != nil || out.Code != 7 || string(out.Stdout) != "in\x00put" || string(out.Stderr) != "it's $HOME, \"a\"\n\n" {
		t.Errorf("got %d, %q, %q, %v", out.Code, out.Stdout, out.Stderr, err)
	}
	out, err = m.Run(t.Context(), guest.Command{Args: []string{"sh", "-c", "kill -9 $$"}})
	if err != nil || out.Code != 128+9 {
		t.Errorf("killed by a signal: got %d, %v", out.Code, err)
	}
	out, err = m.Run(t.Context(), guest.Command{Args: []string{"sh", "-c", "exit 127"}})
	if err != nil || out.Code != 127 {
		t.Errorf("an exit code of its own: got %d, %v", out.Code, err)
	}
	if _, err = m.Run(t.Context(), guest.Command{Args: []string{"no-such-program"}}); !errors.Is(err, guest.ErrNoProgram) {
		t.Errorf("no such program: got %v", err)
	}
	out, err = m.Run(t.Context(), guest.Command{Args: []string{"head", "-c", "3000000", "/dev/zero"}})
	if err != nil || out.Code != 0 || len(out.Stdout) != guest.MaxOutput {
		t.Errorf("much output: got %d, %d bytes, %v", out.Code, len(out.Stdout), err)
	}
	if _, err := m.Run(t.Context(), guest.Command{}); err == nil {
		t.Error("no program: no error")
	}
	checkGivenUp(t, m)
}

// A program that nobody waits for any more is ended, and the next one runs.
func checkGivenUp(t *testing.T, m *qemu.Machine) {
	t.Helper()
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, enough)
	defer cancel()
	if _, err := m.Run(ctx, guest.Command{Args: []string{"sleep", "4321"}}); !errors.Is(err, enough) {
		t.Errorf("got %v, want the context's cause", err)
	}
	if ps := run(t, m, "ps"); strings.Contains(ps, "sleep 4321") {
		t.Errorf("it still runs:\n%s", ps)
	}
}

// One machine after another from the same state: each goes on from there, and none
// sees what another did.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	c := tinyguest.Config(t, tinyguest.OK)
	disk := filepath.Join(t.TempDir(), "a,b.img")
	empty := make([]byte, 1<<20)
	if err := os.WriteFile(disk, empty, 0o444); err != nil {
		t.Fatal(err)
	}
	c.Disks = []qemu.Disk{{File: disk, Serial: "data"}}
	m := start(t, c)
	run(t, m, "sh", "-c", "echo before > /run/state; echo before > /dev/vda; sync; date -u -s @1000000000")
	s, err := m.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for _, name := range []string{"one", "two", "three"} {
		group.Go(func() {
			console := &log{}
			machine, err := s.Start(t.Context(), console)
			if err != nil {
				t.Errorf("%v\n%s", err, console)
				return
			}
			defer machine.Close()
			script := "cat /run/state; head -n 1 /dev/vda; echo " + name + " | tee /run/state > /dev/vda; sync; cat /run/state; head -n 1 /dev/vda; date +%s"
			out, err := machine.Run(t.Context(), guest.Command{Args: []string{"sh", "-c", script}})
			words := strings.Fields(string(out.Stdout))
			if err != nil || len(words) != 5 || strings.Join(words[:4], " ") != "before before "+name+" "+name {
				t.Errorf("%s: got %q, %v", name, out.Stdout, err)
				return
			}
			if seconds, err := strconv.ParseInt(words[4], 10, 64); err != nil || time.Since(time.Unix(seconds, 0)).Abs() > time.Hour {
				t.Errorf("%s: its clock is wrong: %s", name, words[4])
			}
		})
	}
	group.Wait()
	again := start(t, s)
	if _, err := again.Snapshot(t.Context()); !errors.Is(err, guest.ErrUnsupported) {
		t.Errorf("a snapshot of a restored machine: %v", err)
	}
	if err := again.Reboot(t.Context()); err != nil {
		t.Errorf("reboot a restored machine: %v", err)
	}
	if err := errors.Join(again.Close(), again.Close(), s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if _, err := s.Start(t.Context(), io.Discard); err == nil {
		t.Error("a closed snapshot starts")
	}
	if now, err := os.ReadFile(disk); err != nil || !bytes.Equal(now, empty) {
		t.Errorf("the disk was written: %v", err)
	}
	checkNothingLeft(t, c.Work)
}

func TestRebootPortsScreen(t *testing.T) {
	t.Parallel()
	c := tinyguest.Config(t, tinyguest.OK)
	m := start(t, c)
	before := run(t, m, "cat", "/proc/sys/kernel/random/boot_id")
	run(t, m, "sh", "-c", "echo hello | nc -l -p 80 >/dev/null 2>&1 & for i in $(seq 600); do netstat -ltn | grep -q ':80 ' && exit; sleep 0.1; done; exit 1")
	conn, err := m.Dial(t.Context(), 80)
	if err != nil {
		t.Fatal(err)
	}
	if said, err := bufio.NewReader(conn).ReadString('\n'); err != nil || said != "hello\n" {
		t.Errorf("got %q, %v", said, err)
	}
	conn.Close()
	if _, err := m.Dial(t.Context(), 81); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a port where nobody listens: %v", err)
	}
	checkScreen(t, m)
	if err := m.Reboot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := run(t, m, "cat", "/proc/sys/kernel/random/boot_id"); after == before {
		t.Error("it has not rebooted")
	}
	if out, err := m.Run(t.Context(), guest.Command{Args: []string{"poweroff", "-f"}}); err == nil || !strings.HasSuffix(err.Error(), "the guest powered itself off") {
		t.Errorf("got %v, %v", out, err)
	}
	checkScreen(t, m)
	m.Close()
	checkNothingLeft(t, c.Work)
}

func checkScreen(t *testing.T, m *qemu.Machine) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "screen.png")
	if err := m.Screenshot(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if c, err := png.DecodeConfig(f); err != nil || c.Width != 720 || c.Height != 400 {
		t.Errorf("got %dx%d, %v; want a text screen", c.Width, c.Height, err)
	}
}

// The command for a person works as it is, and starts the same guest.
func TestCommand(t *testing.T) {
	t.Parallel()
	command := start(t, tinyguest.Config(t, tinyguest.OK)).Command()
	for i, word := range command { // so that the guest ends by itself
		command[i] = strings.Replace(word, "slipway.mode=ok", "slipway.mode=poweroff", 1)
	}
	out, err := exec.Output(t.Context(), exec.Cmd{Args: command})
	if err != nil || !strings.Contains(string(out), "tinyguest: mode poweroff") {
		t.Errorf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
}
