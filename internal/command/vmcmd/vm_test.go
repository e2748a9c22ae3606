package vmcmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/report"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// called is how a command ended.
type called struct {
	code           int
	stdout, stderr string
	artifacts      string
}

// call calls a command in this process.
func call(ctx context.Context, t *testing.T, newCommand func(cli.Env) *cobra.Command, args ...string) called {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := called{artifacts: t.TempDir()}
	getenv := func(name string) string { return map[string]string{"ARTIFACTS": c.artifacts}[name] }
	env := cli.Env{Args: args, Stdout: &stdout, Stderr: &stderr, Getenv: getenv}
	c.code = cli.Run(ctx, env, newCommand(env))
	c.stdout, c.stderr = stdout.String(), stderr.String()
	t.Logf("%v: exit code %d\n%s%s", args, c.code, c.stdout, c.stderr)
	return c
}

// status is how a test of the first suite ended.
func (c called) status(t *testing.T, test string) guest.TestResult {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(c.artifacts, report.JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	var suites []report.Suite
	if err := json.Unmarshal(data, &suites); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(suites[0].Run.Tests, func(r guest.TestResult) bool { return r.Name == test })
	if i < 0 {
		t.Fatalf("there is no test %s", test)
	}
	return suites[0].Run.Tests[i]
}

// write writes a file of a test.
func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const tinyPlan = `name: tiny
machine: {memory: 256Mi, cpus: 1, boot: 3m}
timeout: 2m
tests:
- {name: kernel, kernel: ">= 6.1"}
- {name: units, failed-units: none}
- {name: shell, run: {args: [echo, hello], stdout: ^hello}}
`

// tiny are the arguments that boot the tiny guest in a mode.
func tiny(t *testing.T, mode string, more ...string) []string {
	t.Helper()
	c := tinyguest.Config(t, mode)
	return append([]string{"--kernel", c.Kernel, "--initrd", c.Initrd, "--append", c.Append, "--plan", write(t, "plan.yaml", tinyPlan)}, more...)
}

// Every way in which a guest fails is a failed test, and said in words.
func TestFails(t *testing.T) {
	tests := []struct {
		mode, test, reason string
	}{
		{tinyguest.Silent, "boot", "did not answer within 5s"},
		{tinyguest.Panic, "boot", "panic"},
		{tinyguest.RebootLoop, "boot", "rebooted"},
		{tinyguest.PowerOff, "boot", "powered itself off"},
		{tinyguest.Shell, "boot", "emergency-mode"},
	}
	for _, tt := range tests {
		t.Run(tt.mode, func(t *testing.T) {
			args := tiny(t, tt.mode)
			if strings.HasSuffix(tt.reason, "5s") {
				args = append(args, "--boot-timeout", "5s")
			}
			c := call(t.Context(), t, Test, args...)
			got := c.status(t, tt.test)
			if c.code != cli.ExitFailed || got.Status != guest.Failed || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("exit code %d, %+v", c.code, got)
			}
			if other := c.status(t, "shell").Status; other != guest.Skipped {
				t.Errorf("another test is %s", other)
			}
			if !strings.Contains(c.stdout, "the same guest by hand: qemu-system-x86_64 ") {
				t.Error("how to have the same guest is not said")
			}
		})
	}
}

// What can be known before the boot is told before the boot, and is no verdict.
func TestRefused(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	denied := "deny:\n- {test: units, tracker: 'https://example.com/1', reason: slow}\n"
	tests := []struct {
		name string
		args []string
		code int
		said string
	}{
		{"memory", []string{"--memory", "900Gi"}, cli.ExitFailed, "MiB left"},
		{"port", []string{"--ssh-port", port, "--jobs", "1"}, cli.ExitFailed, port},
		{"expiry", []string{"--denylist", write(t, "denylist.yaml", denied)}, cli.ExitMisused, "expires"},
		{"plan", []string{"--plan", write(t, "plan.yaml", "name: x\n")}, cli.ExitMisused, "plan.yaml"},
		{"no plan", []string{"--plan", ""}, cli.ExitMisused, "--plan is missing"},
		{"firmware", []string{"--firmware", "coreboot"}, cli.ExitMisused, "coreboot"},
		{"evidence", []string{"--store", t.TempDir(), "--key", "k", "--log", "https://example.com"}, cli.ExitMisused, "--kernel"},
		{"size", []string{"--memory", "1GB"}, cli.ExitMisused, "1GB"},
		{"console", []string{"--max-console", "lots"}, cli.ExitMisused, "--max-console"},
		{"wait", []string{"--wait", "1m"}, cli.ExitMisused, "--wait is for an --image in a registry"},
		{"registry", []string{"--image", "127.0.0.1:1/tiny/tiny-os:next"}, cli.ExitFailed, "127.0.0.1:1"},
		{"no disk", []string{"--image", "/nothing.qcow2"}, cli.ExitFailed, "/nothing.qcow2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := call(t.Context(), t, Test, tiny(t, tinyguest.OK, tt.args...)...)
			if c.code != tt.code || !strings.Contains(c.stderr, tt.said) {
				t.Errorf("exit code %d", c.code)
			}
			if _, err := os.Stat(filepath.Join(c.artifacts, report.HTMLFile)); err == nil {
				t.Error("there is a report of nothing")
			}
		})
	}
}

// until is a standard error that does something when a text was said.
type until struct {
	bytes.Buffer
	text string
	do   func()
}

func (u *until) Write(p []byte) (int, error) {
	n, err := u.Buffer.Write(p)
	if u.do != nil && strings.Contains(u.String(), u.text) {
		u.do()
		u.do = nil
	}
	return n, err
}

// interrupted calls a command and sends it what Ctrl-C does when it said a text.
func interrupted(t *testing.T, newCommand func(cli.Env) *cobra.Command, text string, args ...string) called {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	stderr := &until{text: text, do: func() { cancel(cli.Interrupted{Signal: os.Interrupt}) }}
	var stdout bytes.Buffer
	c := called{artifacts: t.TempDir()}
	env := cli.Env{Args: args, Stdout: &stdout, Stderr: stderr, Getenv: func(name string) string { return map[string]string{"ARTIFACTS": c.artifacts}[name] }}
	c.code = cli.Run(ctx, env, newCommand(env))
	c.stdout, c.stderr = stdout.String(), stderr.String()
	t.Logf("%v: exit code %d\n%s%s", args, c.code, c.stdout, c.stderr)
	return c
}

// nothingLeft makes a place for all temporary files and sees, when the test ended, that
// it is empty and that no process knows of it.
func nothingLeft(t *testing.T) {
	t.Helper()
	place, err := os.MkdirTemp("", "vm-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", place)
	t.Cleanup(func() {
		if left, err := os.ReadDir(place); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
		commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Error(err)
		}
		for _, file := range commands {
			if line, err := os.ReadFile(file); err == nil && bytes.Contains(line, []byte(place)) {
				t.Errorf("%s still runs: %s", file, line)
			}
		}
		if err := os.RemoveAll(place); err != nil {
			t.Error(err)
		}
	})
}

// --keep leaves the machine of a failed test to a person, and what was seen is told all the same.
func TestKeep(t *testing.T) {
	nothingLeft(t)
	c := interrupted(t, Test, "log in: ", tiny(t, tinyguest.FailedUnit, "--keep")...)
	if !strings.Contains(c.stderr, "log in: ssh ") || c.code != cli.ExitFailed || c.status(t, "units").Status != guest.Failed {
		t.Errorf("exit code %d", c.code)
	}
}

func TestBoot(t *testing.T) {
	nothingLeft(t)
	args := tiny(t, tinyguest.OK)
	log := filepath.Join(t.TempDir(), "console.log")
	c := interrupted(t, Boot, "Ctrl-C ends it", append(args[:len(args)-2], "--memory", "256Mi", "--console", log)...)
	if c.code != cli.ExitDone || !strings.Contains(c.stdout, "log in: ssh ") {
		t.Errorf("exit code %d", c.code)
	}
	if data, err := os.ReadFile(log); err != nil || !bytes.Contains(data, []byte("tinyguest")) {
		t.Errorf("the console's log is %q, %v", data, err)
	}
}
