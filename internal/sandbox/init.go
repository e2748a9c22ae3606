package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/exec"
)

// childName is the name by which Run starts this program again.
const childName = "slipway-sandbox"

// The descriptors that the child inherits beside its standard three.
const (
	ordersFD = 3
	reportFD = 4
)

// Exit codes of a child that has no program's exit code to pass on.
const (
	exitNotStarted = 125
	exitAbandoned  = 137 // as if killed, which is what befell the caller
)

// Enter is called first in every main and TestMain whose program calls Run. It
// returns at once, unless this process is the one that Run started in a sandbox:
// then it does that process's work and ends it.
func Enter() {
	if len(os.Args) > 0 && os.Args[0] == childName {
		os.Exit(initMain())
	}
}

// initMain is the life of process 1 of a sandbox; it returns its exit code.
func initMain() int {
	runtime.LockOSThread() // what is given up below, this thread's children inherit
	report := os.NewFile(reportFD, "report")
	code, err := obey(os.NewFile(ordersFD, "orders"))
	if err != nil {
		_ = json.NewEncoder(report).Encode(failure{Message: err.Error(), Refused: refused(err), Absent: exec.IsNotFound(err)})
		return exitNotStarted
	}
	return code
}

func obey(r io.Reader) (int, error) {
	var o orders
	if err := json.NewDecoder(r).Decode(&o); err != nil {
		return 0, fmt.Errorf("read the sandbox's orders: %w", err)
	}
	go dieWithCaller(r)
	catchSignals()
	if err := o.prepare(); err != nil {
		return 0, err
	}
	pid, err := start(o.Config)
	if err != nil {
		return 0, err
	}
	return reapUntil(pid)
}

// dieWithCaller ends the sandbox when nobody holds the other end of r.
func dieWithCaller(r io.Reader) {
	_, _ = io.Copy(io.Discard, r)
	os.Exit(exitAbandoned)
}

// catchSignals keeps a signal sent to every process from ending the init process.
// They are caught, not ignored: programs inherit what is ignored.
func catchSignals() {
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM)
}

// prepare turns this process's fresh namespaces into the world of the program.
func (o *orders) prepare() error {
	steps := []struct {
		what string
		do   func() error
	}{
		{"make the mounts private", makePrivate},
		{"set the root up", o.enterRoot},
		{"name the machine", o.setHostname},
		{"bring the loopback interface up", o.loopbackUp},
		{"leave the session's keyring", leaveKeyring},
		{"hide the init process", hideInit},
		{"close descriptors", closeOnExec},
		{"give up capabilities", o.Profile.confine},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	syscall.Umask(0o022)
	return nil
}

func (o *orders) setHostname() error {
	name := o.Hostname
	if name == "" {
		name = "localhost"
	}
	return unix.Sethostname([]byte(name))
}

func (o *orders) loopbackUp() error {
	if o.Network {
		return nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// leaveKeyring keeps the keys of the caller's session out of reach. A kernel
// without keys, or a pod that forbids the call, has nothing to leave.
func leaveKeyring() error {
	_, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) // 0: a new one without a name
	if refused(err) {
		return nil
	}
	return err
}

// hideInit keeps the program from this process's memory, descriptors and
// executable, which is the host's own slipway: the program is root as well.
func hideInit() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// closeOnExec keeps from the program what this process holds or was left with.
func closeOnExec() error {
	return unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
}

// start starts the program in a session of its own, so that it has no terminal
// to type on.
func start(c Config) (pid int, err error) {
	path, err := lookPath(c)
	if err != nil {
		return 0, err
	}
	dir := c.Dir
	if dir == "" {
		dir = "/"
	}
	pid, err = syscall.ForkExec(path, c.Args, &syscall.ProcAttr{
		Dir:   dir,
		Env:   c.Env,
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		// Not %w: a program that may not be executed is no sign of a machine without sandboxes.
		return 0, fmt.Errorf("start %s in %s: %v", path, dir, err) //nolint:errorlint // see above
	}
	return pid, nil
}

// lookPath finds the program in the PATH that it will have itself.
func lookPath(c Config) (string, error) {
	name := c.Args[0]
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := ""
	for _, kv := range c.Env {
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = value
		}
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s is not in the sandbox's PATH %q: %w", name, path, exec.ErrNotFound)
}

// reapUntil waits for everything that ends, and returns once pid has. What it
// left running ends when this process, the namespace's first, does.
func reapUntil(pid int) (exitCode int, err error) {
	for {
		var status unix.WaitStatus
		ended, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, fmt.Errorf("wait for the program: %w", err)
		case ended == pid && status.Signaled():
			return 128 + int(status.Signal()), nil
		case ended == pid:
			return status.ExitStatus(), nil
		}
	}
}
