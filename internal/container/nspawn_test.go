package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway.dev/slipway/internal/container/containertest"
	"slipway.dev/slipway/internal/guest"
)

// console keeps what a container prints.
type console struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// config is a container that a test starts; behind the test nothing may be left.
func config(t *testing.T) Config {
	t.Cleanup(func() { checkNothingLeft(t) })
	return Config{Root: Root{Name: "test", Tree: containertest.Root(t), Init: "/sbin/init"}, Boot: time.Minute}
}

func start(t *testing.T, c Config, out io.Writer) guest.Machine {
	t.Helper()
	m, err := Nspawn{}.Starter(c).Start(t.Context(), out)
	if err != nil {
		t.Fatalf("%v\n%v", err, out)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// run runs a program that must end with exit code 0, and returns what it printed.
func run(t *testing.T, m guest.Machine, args ...string) string {
	t.Helper()
	out, err := m.Run(t.Context(), guest.Command{Args: args})
	if err != nil || out.Code != 0 {
		t.Fatalf("%q: exit code %d, %v: %s", args, out.Code, err, out.Stderr)
	}
	return strings.TrimSpace(string(out.Stdout))
}

func checkNothingLeft(t *testing.T) {
	t.Helper()
	if left := leftovers(os.Getpid()); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// leftovers are the control groups, processes and mounts of a process's containers.
func leftovers(pid int) []string {
	var left []string
	prefix := fmt.Sprintf("%s%d-", prefix, pid)
	_ = filepath.WalkDir(cgroups, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.Contains(filepath.Base(path), prefix) {
			left = append(left, path)
		}
		return nil // groups come and go meanwhile
	})
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte(prefix)) {
			left = append(left, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, "/run/slipway") {
			left = append(left, line)
		}
	}
	return left
}

// TestNspawn starts a real systemd, runs programs in it, and lets it reboot.
func TestNspawn(t *testing.T) {
	out := &console{}
	m := start(t, config(t), out)
	if got := run(t, m, "systemctl", "is-system-running"); got != "running" {
		t.Errorf("the state is %q", got)
	}
	if !strings.Contains(out.String(), "Welcome to") {
		t.Errorf("the console has %q", out)
	}
	if got := run(t, m, "sh", "-c", "id -u; ls -1 /sys/class/net"); got != "0\nlo" {
		t.Errorf("user and interfaces: %q", got)
	}
	run(t, m, "touch", "/var/marker")
	if _, err := os.Stat(filepath.Join(containertest.Root(t), "var/marker")); err == nil {
		t.Error("the image was changed")
	}
	if err := m.Screenshot(t.Context(), "x.png"); !errors.Is(err, guest.ErrUnsupported) {
		t.Errorf("screenshot: %v", err)
	}
}

// A program in the container may not do more to this machine than the container.
func TestNspawnCapabilities(t *testing.T) {
	m := start(t, config(t), &console{})
	own := run(t, m, "sh", "-c", "grep CapBnd /proc/1/status")
	if got := run(t, m, "sh", "-c", "grep CapBnd /proc/self/status"); got != own {
		t.Errorf("%s, and the container %s", got, own)
	}
	out, err := m.Run(t.Context(), guest.Command{Args: []string{"sh", "-c", "grep CapEff /proc/self/status"}})
	if err != nil || strings.Contains(string(out.Stdout), "ffffffff") {
		t.Errorf("%s, %v", out.Stdout, err)
	}
}

// bound shows a file in the container.
func bound(t *testing.T, text string, targets ...string) []Bind {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	var binds []Bind
	for _, target := range targets {
		binds = append(binds, Bind{file, target})
	}
	return binds
}

func unit(t *testing.T, name, text string) []Bind {
	return append(bound(t, text, "/etc/systemd/system/"+name),
		bound(t, "[Unit]\nWants="+name+"\nAfter="+name+"\n", "/etc/systemd/system/multi-user.target.d/wants.conf")...)
}

func TestNspawnFailingService(t *testing.T) {
	c := config(t)
	c.Binds = unit(t, "bad.service", "[Service]\nType=oneshot\nExecStart=false\n")
	m := start(t, c, &console{})
	out, err := m.Run(t.Context(), guest.Command{Args: []string{"systemctl", "is-system-running"}})
	if err != nil || strings.TrimSpace(string(out.Stdout)) != "degraded" {
		t.Errorf("%s, %v", out.Stdout, err)
	}
	if failed := run(t, m, "systemctl", "--failed", "--plain", "--no-legend"); !strings.HasPrefix(failed, "bad.service") {
		t.Errorf("failed units: %s", failed)
	}
}

// TestNspawnBootErrors starts containers that are at fault themselves.
func TestNspawnBootErrors(t *testing.T) {
	never := config(t)
	never.Boot, never.Binds = 4*time.Second, unit(t, "never.service", "[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=sleep infinity\n")
	silent := config(t)
	silent.Boot, silent.Binds = time.Second, bound(t, "#!/bin/sh\nexec sleep 600\n", "/usr/lib/systemd/systemd")
	off := config(t)
	off.Binds = bound(t, "#!/bin/sh\nexit 0\n", "/usr/lib/systemd/systemd")
	bad := config(t)
	bad.Binds = bound(t, "#!/bin/sh\necho no luck; exit 7\n", "/usr/lib/systemd/systemd")
	loop := config(t)
	loop.Reboots, loop.Binds = 2, bound(t, "#!/usr/bin/perl\nuse strict; syscall(169, 0xfee1dead, 672274793, 0x01234567, 0);\n", "/usr/lib/systemd/systemd")
	for _, test := range []struct {
		name   string
		config Config
		want   string
	}{
		{"never comes up", never, "did not start within 4s: systemd waits for"},
		{"silent", silent, "did not start within 1s: nothing in it answered"},
		{"powers off", off, "powered itself off"},
		{"init fails", bad, "/sbin/init exited with 7"},
		{"reboots for ever", loop, "times before it had started"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out := &console{}
			m, err := Nspawn{}.Starter(test.config).Start(t.Context(), out)
			if err == nil {
				t.Fatalf("it started: %v", m.Close())
			}
			var boot *guest.BootError
			if !errors.As(err, &boot) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q\n%s", err, test.want, out)
			}
			checkNothingLeft(t)
		})
	}
}

func TestNspawnInterrupted(t *testing.T) {
	stop := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	out := writerFunc(func(p []byte) { cancel(stop) })
	if _, err := (Nspawn{}).Starter(config(t)).Start(ctx, out); !errors.Is(err, stop) {
		t.Errorf("got %v, want the context's cause", err)
	}
	checkNothingLeft(t)
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

// Two containers at once are two, also to the control groups.
func TestNspawnTwo(t *testing.T) {
	c := config(t)
	one, two := start(t, c, &console{}), start(t, c, &console{})
	run(t, one, "touch", "/var/one")
	out, err := two.Run(t.Context(), guest.Command{Args: []string{"test", "-e", "/var/one"}})
	if err != nil || out.Code != 1 {
		t.Errorf("a file of one is in the other: %v", err)
	}
	processes := func(m guest.Machine) string {
		return run(t, m, "sh", "-c", "cat $(find /sys/fs/cgroup -name cgroup.procs) | sort -un | head -c 300")
	}
	run(t, one, "systemctl", "stop", "dbus.socket", "dbus.service")
	if processes(one) == "" || run(t, two, "systemctl", "is-active", "dbus.socket") != "active" {
		t.Error("one's services are two's")
	}
}

func TestNspawnTry(t *testing.T) {
	containertest.Root(t)
	with, err := Nspawn{}.Try(t.Context())
	if err != nil || !strings.HasPrefix(with, "systemd ") {
		t.Errorf("%q, %v", with, err)
	}
	checkNothingLeft(t)
}
