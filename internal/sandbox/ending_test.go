package sandbox

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

func TestDeadline(t *testing.T) {
	need.Root(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	err := Run(ctx, hostConfig(t.TempDir(), "trap '' TERM INT; sleep 7003 & setsid sleep 7003; wait"))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %v to end", took)
	}
	if left := running(t, "7003"); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
}

// TestBackground checks that what the program left running ends with it.
func TestBackground(t *testing.T) {
	need.Root(t)
	if err := Run(t.Context(), hostConfig(t.TempDir(), "setsid sleep 7004 >/dev/null 2>&1 & exit 0")); err != nil {
		t.Error(err)
	}
	if left := running(t, "7004"); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
}

// TestCallerKilled kills the caller of Run in the hardest way.
func TestCallerKilled(t *testing.T) {
	need.Root(t)
	work := t.TempDir()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- exec.Run(t.Context(), exec.Cmd{
			Args: os.Args[:1], Env: append(os.Environ(), callerEnv+"="+work), Stdout: w,
		})
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the program starts", func() bool {
		_, err := os.Stat(work + "/started")
		return err == nil && len(running(t, "7001")) == 1 && len(running(t, "7002")) == 1
	})
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-done
	eventually(t, "everything inside ends", func() bool {
		return len(running(t, "7001"))+len(running(t, "7002"))+len(mounts(t, work)) == 0
	})
}

// running lists processes whose last argument is arg.
func running(t *testing.T, arg string) []string {
	t.Helper()
	return grepProc(t, "cmdline", func(text string) bool { return strings.HasSuffix(text, "\x00"+arg+"\x00") })
}

// mounts lists processes that see a mount that has to do with the folder.
func mounts(t *testing.T, dir string) []string {
	t.Helper()
	return grepProc(t, "mountinfo", func(text string) bool { return strings.Contains(text, dir) })
}

func grepProc(t *testing.T, file string, match func(string) bool) []string {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range paths {
		if data, err := os.ReadFile(path); err == nil && match(string(data)) {
			found = append(found, path)
		}
	}
	return found
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 10 s in vain until %s", what)
		}
	}
}
