package containercmd

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/container/containertest"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// asProcess in the environment makes this program the command.
const asProcess = "CONTAINERCMD_TEST_PROCESS"

// TestMain is, for tests of signals, slipway container test.
func TestMain(m *testing.M) {
	if os.Getenv(asProcess) != "" {
		fmt.Fprintf(os.Stderr, "pid %d\n", os.Getpid())
		cli.Main(Test)
	}
	os.Exit(m.Run())
}

// signalling sends SIGINT to the process that writes to it when it says a text.
type signalling struct {
	said bytes.Buffer // not embedded: a copy would go past Write
	text string
	sent bool
}

func (s *signalling) String() string { return s.said.String() }

var pidPattern = regexp.MustCompile(`^pid (\d+)\n`)

func (s *signalling) Write(p []byte) (int, error) {
	n, err := s.said.Write(p)
	found := pidPattern.FindStringSubmatch(s.String())
	if !s.sent && found != nil && strings.Contains(s.String(), s.text) {
		s.sent = true
		if pid, err := strconv.Atoi(found[1]); err == nil {
			_ = syscall.Kill(pid, syscall.SIGINT)
		}
	}
	return n, err
}

// TestSignal sends SIGINT to a tester in the middle of its work: nothing is left of it,
// and nothing is filed.
func TestSignal(t *testing.T) {
	tree := containertest.Root(t)
	slow := strings.ReplaceAll(guestPlan, "${suite}", "bookworm") + "- {name: slow, timeout: 1h, run: {args: [sleep, 1000]}}\n"
	for _, tt := range []struct {
		name, text string
		args       func(t *testing.T) []string
	}{
		{"container", "sources passed", func(t *testing.T) []string {
			return []string{"rootfs:" + tree, "--runtime", "nspawn", "--plan", write(t, "plan.yaml", slow)}
		}},
		{"pairing", "start the container in it", func(t *testing.T) []string {
			p := newPair(t)
			p.hold("guest/live", tinyContainer(t, "#!/bin/sh\nexit 1\n"))
			p.hold("machine/live", tinyVM(t, tinyguest.OK))
			return p.args("bvt-cq")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			nothingLeft(t)
			stderr := &signalling{text: tt.text}
			args := append([]string{"container-test"}, tt.args(t)...)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			err := exec.Run(ctx, exec.Cmd{
				Path: "/proc/self/exe", Args: append(args, "--artifacts", t.TempDir()), Env: append(os.Environ(), asProcess+"=1"), Stderr: stderr,
			})
			t.Log(stderr.String())
			if code := exec.ExitCode(err); code != cli.ExitFailed || !stderr.sent || !strings.Contains(stderr.String(), "interrupted by SIGINT") {
				t.Errorf("exit code %d, %v", code, err)
			}
			if strings.Contains(stderr.String(), "evidence:") {
				t.Error("evidence was filed")
			}
			pid := pidPattern.FindStringSubmatch(stderr.String())[1]
			if left := ofProcess(t, pid); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// ofProcess are the control groups and processes of a tester's containers.
func ofProcess(t *testing.T, pid string) (left []string) {
	t.Helper()
	name := "slipway-container-" + pid + "-"
	for _, pattern := range []string{"/sys/fs/cgroup/" + name + "*", "/sys/fs/cgroup/*/" + name + "*", "/sys/fs/cgroup/*/*/" + name + "*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, found...)
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range commands {
		if line, err := os.ReadFile(file); err == nil && bytes.Contains(line, []byte(name)) {
			left = append(left, string(line))
		}
	}
	return left
}
