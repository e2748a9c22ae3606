package qemu_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/qemu"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// Guests that never answer are failed boots, each with its reason.
func TestFailedBoots(t *testing.T) {
	t.Parallel()
	tests := []struct {
		mode   string
		resets int
		boots  int // how often the console tells of a boot
		want   []string
	}{
		{tinyguest.Panic, 0, 1, []string{"the guest panicked: its console printed"}},
		{tinyguest.RebootLoop, 1, 2, []string{"rebooted 2 times before it answered"}},
		{tinyguest.RebootLoop, -1, 1, []string{"the guest rebooted before it answered"}},
		{tinyguest.PowerOff, 0, 1, []string{"powered itself off"}},
	}
	for _, tt := range tests {
		t.Run(tt.mode, func(t *testing.T) {
			t.Parallel()
			c := tinyguest.Config(t, tt.mode)
			c.Resets = tt.resets
			console := &log{}
			_, err := c.Start(t.Context(), console)
			checkFailedBoot(t, c, err, tt.want...)
			if boots := strings.Count(console.String(), "tinyguest: mode"); boots != tt.boots {
				t.Errorf("the console tells of %d boots, want %d:\n%s", boots, tt.boots, console)
			}
		})
	}
}

// Guests that stand still are ended at the deadline, and their last words are kept.
func TestNeverAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct{ mode, last string }{
		{tinyguest.Silent, "mode silent"},
		{tinyguest.Shell, "Press Enter for maintenance"},
		{tinyguest.Flood, "0123456789abc"},
	}
	for _, tt := range tests {
		t.Run(tt.mode, func(t *testing.T) {
			t.Parallel()
			c := tinyguest.Config(t, tt.mode)
			for c.Boot = 3 * time.Second; ; c.Boot *= 2 { // until the machine is quick enough for its last words
				console := &log{}
				_, err := c.Start(t.Context(), console)
				if !strings.Contains(console.String(), tt.last) && c.Boot < 5*time.Minute {
					continue
				}
				checkFailedBoot(t, c, err, "did not answer within "+c.Boot.String()+" by its agent and SSH", tt.last)
				if tt.mode == tinyguest.Shell && !strings.Contains(console.String(), "You are in emergency mode.") {
					t.Errorf("the console has\n%s", console)
				}
				return
			}
		})
	}
}

func checkFailedBoot(t *testing.T, c qemu.Config, err error, want ...string) {
	t.Helper()
	checkError(t, err, want...)
	if _, ok := errors.AsType[*guest.BootError](err); !ok {
		t.Errorf("%T is no BootError", err)
	}
	checkNothingLeft(t, c.Work)
}

// What is this machine's fault, or the caller's, is no failed boot and is said before
// the guest boots.
func TestRefused(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	folder := t.TempDir()
	empty, outside := filepath.Join(folder, "empty"), filepath.Join(folder, "outside")
	header := append([]byte("QFI\xfb\x00\x00\x00\x03"), make([]byte, 100)...)
	header[15] = 104 // the name of the file below begins there
	for file, data := range map[string][]byte{empty: nil, outside: header} {
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mark := filepath.Join(folder, "mark") // what runs is noticed
	program := filepath.Join(folder, "qemu")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n: > "+mark+"\nexec qemu-system-x86_64 \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*qemu.Config)
		want   string
	}{
		{"no QEMU", func(c *qemu.Config) { c.Program = "qemu-system-none" }, "run qemu-system-none: it is not installed; run: apt-get install"},
		{"port taken", func(c *qemu.Config) { c.SSHPort = taken.Addr().(*net.TCPAddr).Port }, "see who has the port: ss -ltnp"},
		{"too much memory", func(c *qemu.Config) { c.Memory = 1 << 50 }, "it needs 1073742016 MiB with QEMU, and"},
		{"odd memory", func(c *qemu.Config) { c.Memory = 1000 }, "want whole mebibytes"},
		{"no disk", func(c *qemu.Config) { c.Disks = []qemu.Disk{{File: filepath.Join(folder, "none")}} }, "no such file"},
		{"empty disk", func(c *qemu.Config) { c.Disks = []qemu.Disk{{File: empty}} }, "is empty"},
		{"part of a disk", func(c *qemu.Config) { c.Disks = []qemu.Disk{{File: outside}} }, "make it whole: qemu-img convert"},
		{"not qcow2", func(c *qemu.Config) { c.Disks = []qemu.Disk{{File: c.Initrd, Format: "qcow2"}} }, "is no qcow2 file"},
		{"no kernel", func(c *qemu.Config) { c.Kernel = filepath.Join(folder, "none") }, "no such file"},
		{"microvm without a kernel", func(c *qemu.Config) { c.Machine, c.Kernel = qemu.MicroVM, "" }, "boots a kernel"},
		{"unknown machine", func(c *qemu.Config) { c.Machine = "pdp11" }, `"pdp11" is no machine`},
		{"unknown firmware", func(c *qemu.Config) { c.Firmware = "rom" }, `"rom" is no firmware`},
		{"QEMU fails", func(c *qemu.Config) { c.Kernel = c.Initrd }, "qemu: exit status 1: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := tinyguest.Config(t, tinyguest.Silent)
			c.Accel, c.Program = qemu.TCG, program
			tt.change(&c)
			_, err := c.Start(t.Context(), io.Discard)
			checkError(t, err, tt.want)
			if err := os.Remove(mark); (err == nil) != (tt.name == "QEMU fails") {
				t.Errorf("what was started left a mark: %v", err)
			}
			if _, ok := errors.AsType[*guest.BootError](err); ok {
				t.Error("it is a BootError")
			}
			checkNothingLeft(t, c.Work)
		})
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	c := tinyguest.Config(t, tinyguest.Silent)
	stopped := errors.New("somebody pressed Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	console := &trigger{word: "mode silent", pull: func() { cancel(stopped) }}
	if _, err := c.Start(ctx, console); !errors.Is(err, stopped) {
		t.Errorf("got %v, want the context's cause", err)
	}
	checkNothingLeft(t, c.Work)
}

// A writer that fails ends the machine, at once and with its error.
func TestConsoleWriterFails(t *testing.T) {
	t.Parallel()
	c := tinyguest.Config(t, tinyguest.Silent)
	full := errors.New("the log is full")
	_, err := c.Start(t.Context(), writer(func(p []byte) (int, error) { return 0, full }))
	if !errors.Is(err, full) {
		t.Errorf("got %v, want the writer's error", err)
	}
	checkNothingLeft(t, c.Work)
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// trigger does something when a word is printed.
type trigger struct {
	log
	word string
	pull func()
}

func (r *trigger) Write(p []byte) (int, error) {
	n, err := r.log.Write(p)
	if strings.Contains(r.String(), r.word) {
		r.pull()
	}
	return n, err
}

func checkError(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("got %q, want %q in it", err, w)
		}
	}
	t.Log(err)
}

// checkNothingLeft looks for files in a folder, and processes that name it.
func checkNothingLeft(t *testing.T, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s is left", e.Name())
	}
	for _, process := range processes(t, folder) {
		t.Errorf("a process is left: %s", process)
	}
}

// processes are the command lines that name a word.
func processes(t *testing.T, word string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		where, errDir := os.Readlink(filepath.Join(filepath.Dir(file), "cwd"))
		if err == nil && strings.Contains(string(line), word) || errDir == nil && strings.Contains(where, word) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}
