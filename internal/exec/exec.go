// Package exec runs other programs: git, dpkg, rpmbuild, mmdebstrap.
//
// It is the only package that imports os/exec, so that there is one place where
// a child gets its own process group, dies with its context, and fails with an
// error that says what was run and what it last said.
package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Cmd is a program to run. Args[0] is the program, looked up in PATH unless
// Path names the file to execute.
type Cmd struct {
	Args   []string
	Path   string   // file to execute instead of looking Args[0] up
	Dir    string   // working folder; empty is the caller's
	Env    []string // whole environment as KEY=VALUE; nil inherits the caller's
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Files  []*os.File           // passed on as descriptors 3, 4, ...
	Attr   *syscall.SysProcAttr // namespaces and the like; Setpgid is added
	Grace  time.Duration        // between SIGTERM and SIGKILL after cancellation; 0 kills at once
}

// Error is a program that could not be started or that failed.
type Error struct {
	Args   []string
	Err    error  // what os/exec said
	Stderr string // the end of what it wrote to standard error, if nobody else took it
}

func (e *Error) Error() string {
	msg := fmt.Sprintf("%s: %v", strings.Join(e.Args, " "), e.Err)
	if s := strings.TrimSpace(e.Stderr); s != "" {
		msg += ": " + s
	}
	return msg
}

func (e *Error) Unwrap() error { return e.Err }

// ExitCode is the program's exit code, or -1 if it did not exit by itself.
func ExitCode(err error) int {
	var exit *osexec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// ErrNotFound is a program that is not installed.
var ErrNotFound = osexec.ErrNotFound

// IsNotFound says whether err means that the program is not installed.
func IsNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

// LookPath finds a program in PATH.
func LookPath(name string) (string, error) { return osexec.LookPath(name) }

// Run runs c until it ends or ctx does. On cancellation the whole process group
// is ended, and the error wraps ctx's cause. If this process is killed, so is
// the program: the kernel sees to that when the thread that started it ends,
// which is why the goroutine keeps its thread.
func Run(ctx context.Context, c Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tail := &tailWriter{max: 4 << 10}
	if c.Stderr == nil {
		c.Stderr = tail
	}
	cmd := osexec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	if c.Path != "" {
		cmd.Path, cmd.Err = c.Path, nil
	}
	cmd.Dir, cmd.Env = c.Dir, c.Env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, c.Stderr
	cmd.ExtraFiles = c.Files
	cmd.SysProcAttr = c.Attr
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.Cancel = func() error { return stopGroup(cmd.Process.Pid, c.Grace) }
	cmd.WaitDelay = c.Grace + 5*time.Second
	err := cmd.Run()
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause
	}
	if err != nil {
		return &Error{Args: c.Args, Err: err, Stderr: tail.String()}
	}
	return nil
}

// Output runs c and returns what it wrote to standard output.
func Output(ctx context.Context, c Cmd) ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := Run(ctx, c)
	return out.Bytes(), err
}

// stopGroup asks the group to end, and insists after grace.
func stopGroup(pgid int, grace time.Duration) error {
	if grace == 0 {
		return syscall.Kill(-pgid, syscall.SIGKILL)
	}
	time.AfterFunc(grace, func() { _ = syscall.Kill(-pgid, syscall.SIGKILL) })
	return syscall.Kill(-pgid, syscall.SIGTERM)
}

// tailWriter keeps the last max bytes written to it.
type tailWriter struct {
	buf []byte
	max int
}

func (w *tailWriter) Write(p []byte) (int, error) {
	w.buf = append(w.buf, p...)
	if over := len(w.buf) - w.max; over > 0 {
		w.buf = append(w.buf[:0], w.buf[over:]...)
	}
	return len(p), nil
}

func (w *tailWriter) String() string { return string(w.buf) }
