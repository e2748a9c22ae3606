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
	"time"

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
func call(ctx context.Context, t *testing.T, make func(cli.Env) *cobra.Command, args ...string) called {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := called{artifacts: t.TempDir()}
	getenv := func(name string) string { return map[string]string{"ARTIFACTS": c.artifacts}[name] }
	env := cli.Env{Args: args, Stdout: &stdout, Stderr: &stderr, Getenv: getenv}
	c.code = cli.Run(ctx, env, make(env))
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
machine: {memory: 256Mi, cpus: 1, boot: 20s}
timeout: 20s
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

func TestPasses(t *testing.T) {
	c := call(t.Context(), t, Test, tiny(t, tinyguest.OK)...)
	if c.code != cli.ExitDone || !strings.Contains(c.stdout, "tiny/direct: 5 passed") {
		t.Fatal("a good guest does not pass")
	}
	for _, name := range []string{report.HTMLFile, report.JUnitFile, "direct/console-boot.log"} {
		if info, err := os.Stat(filepath.Join(c.artifacts, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every way in which a guest fails is a failed test, and said in words.
func TestFails(t *testing.T) {
	tests := []struct {
		mode, test, reason string
		skipped            bool // the other tests did not run
	}{
		{tinyguest.Silent, "boot", "did not answer within 8s", true},
		{tinyguest.Panic, "boot", "panic", true},
		{tinyguest.RebootLoop, "boot", "rebooted", true},
		{tinyguest.PowerOff, "boot", "powered itself off", true},
		{tinyguest.Shell, "boot", "emergency-mode", true},
		{tinyguest.FailedUnit, "units", "failed", false},
	}
	for _, tt := range tests {
		t.Run(tt.mode, func(t *testing.T) {
			args := tiny(t, tt.mode, "--boot-timeout", "20s")
			if tt.mode == tinyguest.Silent {
				args = append(args, "--boot-timeout", "8s")
			}
			c := call(t.Context(), t, Test, args...)
			got := c.status(t, tt.test)
			if c.code != cli.ExitFailed || got.Status != guest.Failed || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("exit code %d, %+v", c.code, got)
			}
			if other := c.status(t, "shell").Status; (other == guest.Skipped) != tt.skipped {
				t.Errorf("another test is %s", other)
			}
			if !strings.Contains(c.stdout, "the same guest by hand: qemu-system-x86_64 ") {
				t.Error("how to have the same guest is not said")
			}
		})
	}
}

var _ = []any{fmt.Sprint, net.Listen, time.Now}
