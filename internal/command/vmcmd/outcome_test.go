package vmcmd

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/report"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// outcomesPlan has a test for each way of ending that lets a guest pass. Tests that only
// look share a machine, so that clean fails there, and passes on a fresh one.
const outcomesPlan = `name: tiny
machine: {memory: 256Mi, cpus: 1, boot: 3m}
timeout: 2m
tests:
- {name: dirties, run: {args: [touch, /run/dirt]}}
- {name: clean, files: [{path: /run/dirt, absent: true}]}
- {name: broken, run: {args: ["false"]}}
- {name: mended, run: {args: ["true"]}}
- {name: other-firmware, run: {args: ["true"]}}
`

// A test that is denied, one that passes again and one that is flaky let a guest pass,
// each as what it is.
func TestOutcomes(t *testing.T) {
	nothingLeft(t)
	day := time.Now().AddDate(0, 1, 0).Format(time.DateOnly)
	var denied strings.Builder
	fmt.Fprintln(&denied, "deny:")
	for test, firmware := range map[string]string{"broken": "direct", "mended": "direct", "other-firmware": "uefi"} {
		fmt.Fprintf(&denied, "- {test: %s, firmware: %s, tracker: https://example.com/1, expires: %s, reason: known}\n", test, firmware, day)
	}
	c := call(t.Context(), t, Test, tiny(t, tinyguest.OK, "--plan", write(t, "plan.yaml", outcomesPlan), "--denylist", write(t, "denylist.yaml", denied.String()))...)
	if c.code != cli.ExitDone {
		t.Errorf("exit code %d", c.code)
	}
	for test, want := range map[string]guest.Status{
		"dirties": guest.Passed, "clean": guest.Flaky, "broken": guest.Denied, "mended": guest.Revived, "other-firmware": guest.Passed,
	} {
		if got := c.status(t, test); got.Status != want {
			t.Errorf("%s: got %+v, want %s", test, got, want)
		}
	}
}

// A guest that prints without end has failed when the bound is reached, and no more of it is kept.
func TestFlood(t *testing.T) {
	nothingLeft(t)
	c := call(t.Context(), t, Test, tiny(t, tinyguest.Flood, "--max-console", "256Ki")...)
	got := c.status(t, "boot")
	if c.code != cli.ExitFailed || got.Status != guest.Failed || !strings.Contains(got.Reason, "console-flood: more than 262144 bytes") {
		t.Errorf("exit code %d, %+v", c.code, got)
	}
	if info, err := os.Stat(filepath.Join(c.artifacts, "direct", "console-boot.log")); err != nil || info.Size() > 256<<10+200 {
		t.Errorf("the log: %v, %v", info, err)
	}
	if page := read(t, filepath.Join(c.artifacts, report.HTMLFile)); !bytes.Contains(page, []byte("prints without end")) {
		t.Error("the report does not say what happened")
	}
}

// childArgs are the arguments of a child that tests a guest again and again until it is killed.
const childArgs = "VM_TEST_ARGS"

func TestMain(m *testing.M) {
	args := os.Getenv(childArgs)
	if args == "" {
		os.Exit(m.Run())
	}
	for {
		env := cli.Env{Args: strings.Split(args, "\n"), Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}
		if code := cli.Run(context.Background(), env, Test(env)); code != cli.ExitDone {
			os.Exit(code)
		}
	}
}

// Killed at any moment, a tester leaves no process, port or file but its artifacts.
func TestKilledAnyTime(t *testing.T) {
	m := bundleOf(t, tinyguest.OK)
	place, port := t.TempDir(), freePort(t)
	args := []string{"--image", m.file, "--plan", write(t, "plan.yaml", tinyPlan), "--artifacts", t.TempDir(), "--accel", "tcg", "--ssh-port", port, "--jobs", "1"}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 4 {
		after := time.Duration(random.IntN(7000)) * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), after)
		var said bytes.Buffer
		err := exec.Run(ctx, exec.Cmd{
			Path: "/proc/self/exe", Args: []string{"tester"}, Stdout: &said, Stderr: &said,
			Env: append(os.Environ(), childArgs+"="+strings.Join(args, "\n"), "TMPDIR="+place),
		})
		if ctx.Err() == nil {
			t.Fatalf("the child ended by itself: %v\n%s", err, said.String())
		}
		cancel()
		t.Logf("killed after %s", after)
		left := leftOf(t, place, port)
		for deadline := time.Now().Add(20 * time.Second); len(left) > 0 && time.Now().Before(deadline); left = leftOf(t, place, port) {
			time.Sleep(5 * time.Millisecond)
		}
		if len(left) > 0 {
			t.Fatalf("left: %s", left)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// leftOf is what a tester left in its place for temporary files, of processes and at its port.
func leftOf(t *testing.T, place, port string) []string {
	t.Helper()
	var left []string
	files, err := os.ReadDir(place)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		left = append(left, file.Name())
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range commands {
		if line, err := os.ReadFile(file); err == nil && bytes.Contains(line, []byte(place)) {
			left = append(left, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return append(left, err.Error())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return left
}
