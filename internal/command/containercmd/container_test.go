package containercmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/promotecmd"
	"slipway.dev/slipway/internal/container/containertest"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/report"
)

// called is how a command ended.
type called struct {
	code           int
	stdout, stderr string
	artifacts      string
}

// call calls a command in this process.
func call(ctx context.Context, t *testing.T, command func(cli.Env) *cobra.Command, args ...string) called {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := called{artifacts: t.TempDir()}
	getenv := func(name string) string { return map[string]string{"ARTIFACTS": c.artifacts}[name] }
	env := cli.Env{Args: args, Stdout: &stdout, Stderr: &stderr, Getenv: getenv}
	c.code = cli.Run(ctx, env, command(env))
	c.stdout, c.stderr = stdout.String(), stderr.String()
	t.Logf("%v: exit code %d\n%s%s", args, c.code, c.stdout, c.stderr)
	return c
}

// status is how a test ended.
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

const guestPlan = `name: guest
machine: {boot: 20s}
timeout: 20s
tests:
- {name: running, system: running}
- {name: units, failed-units: none}
- {name: services, services: [dbus, systemd-journald]}
- {name: sockets, sockets: [/run/dbus/system_bus_socket]}
- {name: users, users: [{name: root}]}
- {name: sources, files: [{path: /etc/apt/sources.list, contains: "deb.debian.org/debian ${suite} main"}]}
- {name: reboot, reboot: {then: [running]}}
`

func TestPasses(t *testing.T) {
	c := call(t.Context(), t, Test, "rootfs:"+containertest.Root(t), "--runtime", "nspawn", "--plan", write(t, "plan.yaml", guestPlan), "--set", "suite=bookworm")
	if c.code != cli.ExitDone {
		t.Errorf("exit code %d", c.code)
	}
	for _, test := range []string{"boot", "console", "running", "sources", "reboot"} {
		if got := c.status(t, test); got.Status != guest.Passed {
			t.Errorf("%s: %+v", test, got)
		}
	}
	for _, file := range []string{report.HTMLFile, report.JUnitFile, "console-boot.log"} {
		if info, err := os.Stat(filepath.Join(c.artifacts, file)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
	if !strings.Contains(c.stderr, "runtime: nspawn (systemd ") {
		t.Error("the runtime is not told")
	}
}

// A guest that points at another milestone, and one whose service fails, do not pass.
func TestFails(t *testing.T) {
	bad := write(t, "bad.service", "[Service]\nType=oneshot\nExecStart=false\n")
	wants := write(t, "wants.conf", "[Unit]\nWants=bad.service\n")
	c := call(t.Context(), t, Test, "rootfs:"+containertest.Root(t), "--runtime", "nspawn", "--plan", write(t, "plan.yaml", guestPlan), "--set", "suite=trixie",
		"--bind", bad+":/etc/systemd/system/bad.service", "--bind", wants+":/etc/systemd/system/multi-user.target.d/wants.conf")
	if c.code != cli.ExitFailed {
		t.Errorf("exit code %d", c.code)
	}
	for test, reason := range map[string]string{"running": "degraded", "units": "bad.service", "sources": "trixie"} {
		if got := c.status(t, test); got.Status != guest.Failed || !strings.Contains(got.Reason, reason) {
			t.Errorf("%s: %+v, want %q", test, got, reason)
		}
	}
	if !strings.Contains(c.stdout, "the same guest by hand: systemd-nspawn ") {
		t.Error("how to have the same guest is not said")
	}
}

// A root that cannot start is a failed test; the others are left out.
func TestNoInit(t *testing.T) {
	containertest.Root(t)
	c := call(t.Context(), t, Test, "rootfs:"+t.TempDir(), "--runtime", "nspawn", "--plan", write(t, "plan.yaml", guestPlan), "--set", "suite=bookworm")
	if got := c.status(t, "boot"); c.code != cli.ExitFailed || got.Status != guest.Failed || !strings.Contains(got.Reason, "no init") {
		t.Errorf("exit code %d, %+v", c.code, got)
	}
	if got := c.status(t, "running"); got.Status != guest.Skipped {
		t.Errorf("%+v", got)
	}
}

// TestEvidence tests an archive: failed tests are evidence about its digest as well.
func TestEvidence(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "root.tar")
	if err := exec.Run(t.Context(), exec.Cmd{Args: []string{"tar", "--create", "--file=" + archive, "--directory=" + containertest.Root(t), "--numeric-owner", "."}}); err != nil {
		t.Fatal(err)
	}
	keys, store := filepath.Join(t.TempDir(), "k"), t.TempDir()
	if c := call(t.Context(), t, promotecmd.EvidenceGroup, "keygen", keys); c.code != 0 {
		t.Fatal("no key")
	}
	args := []string{"rootfs:" + archive, "--runtime", "nspawn", "--cache", filepath.Join(t.TempDir(), "roots"), "--plan", write(t, "plan.yaml", guestPlan),
		"--store", store, "--key", keys + ".key", "--log", "https://ci.example.com/1"}
	passed := call(t.Context(), t, Test, append(args, "--set", "suite=bookworm")...)
	failed := call(t.Context(), t, Test, append(args, "--set", "suite=trixie")...)
	if passed.code != cli.ExitDone || failed.code != cli.ExitFailed {
		t.Errorf("exit codes %d and %d", passed.code, failed.code)
	}
	for i, c := range []called{passed, failed} {
		if want := []string{"evidence: passed", "evidence: failed"}[i]; !strings.Contains(c.stderr, want) {
			t.Errorf("%s is not told", want)
		}
	}
	if filed, _ := filepath.Glob(store + "/evidence/*/container/*.json"); len(filed) != 2 {
		t.Errorf("filed: %q", filed)
	}
	stopped, stop := context.WithCancelCause(t.Context())
	stop(errors.New("interrupted"))
	if c := call(stopped, t, Test, append(args, "--set", "suite=bookworm")...); c.code != cli.ExitFailed || strings.Contains(c.stderr, "evidence:") {
		t.Errorf("an interrupted run: exit code %d", c.code)
	}
}

func TestMisuse(t *testing.T) {
	good := write(t, "plan.yaml", guestPlan)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{}, "name one root file system"},
		{[]string{"rootfs:x"}, "--plan is missing"},
		{[]string{"rootfs:x", "--plan", good}, "${suite} has no value"},
		{[]string{"rootfs:x", "--plan", good, "--set", "suite=a", "--set", "other=b"}, "there is no ${other}"},
		{[]string{"rootfs:x", "--plan", good, "--set", "suite=a: b"}, "a value is letters"},
		{[]string{"rootfs:x", "--plan", good, "--runtime", "docker"}, "no runtime"},
		{[]string{"rootfs:x", "--plan", good, "--bind", "a:b"}, "whole paths"},
		{[]string{"rootfs:x", "--plan", good, "--bind", "/no/such/mirror:/srv"}, "stat /no/such/mirror: no such file"},
		{[]string{"rootfs:x", "--plan", good, "--store", "s"}, "--key is missing"},
		{[]string{"rootfs:x", "--plan", write(t, "p.yaml", "name: x\ntests:\n- {name: u, upgrade: {version: [a], command: [b], rollback: [c]}}\n")}, "upgrade is for disks"},
		{[]string{"rootfs:x", "--plan", good, "--deadline", "0s"}, "no time"},
	} {
		if c := call(t.Context(), t, Test, test.args...); c.code != cli.ExitMisused || !strings.Contains(c.stderr, test.want) {
			t.Errorf("%q: exit code %d, want %q", test.args, c.code, test.want)
		}
	}
}

func TestSubstitute(t *testing.T) {
	got, err := substitute("f", "a ${x} $${y} ${x} $z", map[string]string{"x": "1"})
	if err != nil || got != "a 1 ${y} 1 $z" {
		t.Errorf("%q, %v", got, err)
	}
}
