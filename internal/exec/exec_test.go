package exec

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if script := os.Getenv("EXEC_TEST_PARENT"); script != "" {
		_ = Run(context.Background(), Cmd{Args: []string{"sh", "-c", script}})
		return
	}
	os.Exit(m.Run())
}

func TestOutput(t *testing.T) {
	out, err := Output(t.Context(), Cmd{
		Args: []string{"sh", "-c", `read line; echo "$line $KEY $PWD"`}, Dir: "/",
		Env: []string{"KEY=value"}, Stdin: strings.NewReader("hello\n"),
	})
	if err != nil || string(out) != "hello value /\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestErrorSaysWhatWasRunAndSaid(t *testing.T) {
	err := Run(t.Context(), Cmd{Args: []string{"sh", "-c", "echo no such luck >&2; exit 3"}})
	if err == nil || !strings.Contains(err.Error(), "sh -c") || !strings.HasSuffix(err.Error(), "exit status 3: no such luck") {
		t.Errorf("got %v", err)
	}
	if code := ExitCode(err); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	var said bytes.Buffer
	err = Run(t.Context(), Cmd{Args: []string{"sh", "-c", "echo no such luck >&2; exit 3"}, Stderr: &said})
	if !strings.HasSuffix(err.Error(), "exit status 3") || said.String() != "no such luck\n" {
		t.Errorf("what the caller took is in the error too: %v", err)
	}
}

func TestErrorKeepsTheEndOfWhatWasSaid(t *testing.T) {
	err := Run(t.Context(), Cmd{Args: []string{"sh", "-c", "seq 100000 >&2; echo the end >&2; exit 1"}})
	if err == nil || !strings.HasSuffix(err.Error(), "the end") || len(err.Error()) > 5<<10 {
		t.Errorf("got %d bytes", len(err.Error()))
	}
}

func TestNotFound(t *testing.T) {
	err := Run(t.Context(), Cmd{Args: []string{"no-such-program-here"}})
	if !IsNotFound(err) || ExitCode(err) != -1 {
		t.Errorf("got %v", err)
	}
}

// background starts a sleeper of its own in the background, writes its number into
// a file, and waits.
func background(file string) string { return "sleep 600 & echo $! > " + file + "; wait" }

func TestCancellationEndsTheWholeGroup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	stopped := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		waitFor(t, file)
		cancel(stopped)
	}()
	err := Run(ctx, Cmd{Args: []string{"sh", "-c", background(file)}})
	if !errors.Is(err, stopped) {
		t.Errorf("got %v, want the context's cause", err)
	}
	checkGone(t, waitFor(t, file))
}

func TestGraceLetsAProgramCleanUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ready")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		waitFor(t, file)
		cancel()
	}()
	var out bytes.Buffer
	err := Run(ctx, Cmd{
		Args:   []string{"sh", "-c", "trap 'echo cleaned; exit 0' TERM; echo $$ > " + file + "; while :; do sleep 0.05; done"},
		Stdout: &out, Grace: time.Minute,
	})
	if err == nil || out.String() != "cleaned\n" {
		t.Errorf("got %v and %q, want the program's own farewell", err, out.String())
	}
}

// A program does not outlive a process that is killed.
func TestKilledParent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		waitFor(t, file)
		cancel() // kills the parent alone: the program below has a group of its own
	}()
	script := "echo $$ > " + file + "; exec sleep 600"
	_ = Run(ctx, Cmd{Path: "/proc/self/exe", Args: []string{"parent"}, Env: append(os.Environ(), "EXEC_TEST_PARENT="+script)})
	checkGone(t, waitFor(t, file))
}

// waitFor reads a process' number from a file that it writes.
func waitFor(t *testing.T, file string) int {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		data, err := os.ReadFile(file)
		if pid, numErr := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && numErr == nil {
			return pid
		}
	}
	t.Error("the program did not start")
	return 0
}

func checkGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || isZombie(pid) {
			return
		}
	}
	t.Errorf("process %d is still there", pid)
}

// isZombie says whether a process has ended and nobody has asked how.
func isZombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, after, _ := strings.Cut(string(stat), ") ")
	return err == nil && strings.HasPrefix(after, "Z")
}
