package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/guest"
)

// inside is a running container as its first process has it. Its namespaces are held
// open, so that a process that gets the number of one that ended is never taken for it.
type inside struct {
	spaces []space
	caps   string // what the first process may ever do, as hexadecimal
}

type space struct {
	name string // as nsenter's flag names it
	file *os.File
}

// spaceNames are the namespaces, as nsenter and /proc name them.
var spaceNames = []struct{ flag, proc string }{
	{"mount", "mnt"}, {"uts", "uts"}, {"ipc", "ipc"}, {"net", "net"}, {"pid", "pid"},
}

func openInside(pid int) (*inside, error) {
	in := &inside{caps: status(pid, "CapBnd")}
	for _, s := range spaceNames {
		file, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, s.proc))
		if err != nil {
			return nil, errors.Join(errNoLeader, err, in.close())
		}
		in.spaces = append(in.spaces, space{s.flag, file})
	}
	return in, nil
}

func (in *inside) close() error {
	var errs []error
	for _, s := range in.spaces {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(errs...)
}

// environment is what a program in the container finds in its environment.
var environment = []string{
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb", "container=systemd-nspawn",
}

// enterArgs run a program in the namespaces that are descriptors 3 and on, with no more
// capabilities than the container's first process: the program is the image's, and it
// may not do to this machine what the container cannot.
func (in *inside) enterArgs(args []string) ([]string, error) {
	caps, err := strconv.ParseUint(in.caps, 16, 64)
	if err != nil {
		return nil, fmt.Errorf("read the container's capabilities: %w", err)
	}
	bounds := []string{"-all"}
	for n := range 64 {
		if caps&(1<<n) != 0 {
			bounds = append(bounds, "+cap_"+strconv.Itoa(n))
		}
	}
	argv := []string{"setpriv", "--bounding-set=" + strings.Join(bounds, ","), "--inh-caps=-all", "nsenter"}
	for i, s := range in.spaces {
		argv = append(argv, fmt.Sprintf("--%s=/proc/self/fd/%d", s.name, 3+i))
	}
	return append(append(argv, "--"), args...), nil
}

// run runs a program as root.
func (in *inside) run(ctx context.Context, c guest.Command) (guest.Output, error) {
	args, err := in.enterArgs(c.Args)
	if err != nil {
		return guest.Output{}, err
	}
	cmd := exec.Cmd{Args: args, Env: environment}
	for _, s := range in.spaces {
		cmd.Files = append(cmd.Files, s.file)
	}
	out, err := output(ctx, cmd, c)
	if err == nil && out.Code == 127 && strings.HasPrefix(string(out.Stderr), "nsenter: failed to execute ") {
		err = fmt.Errorf("%w: %s", guest.ErrNoProgram, c.Args[0])
	}
	return out, err
}

// dial connects to a port in the container's network.
func (in *inside) dial(ctx context.Context, port int) (net.Conn, error) {
	type dialed struct {
		conn net.Conn
		err  error
	}
	done := make(chan dialed, 1)
	go func() {
		// The thread is never unlocked, so that it ends with the goroutine: nothing else
		// may run in the container's network. A socket stays in the one that it was made in.
		runtime.LockOSThread()
		var d dialed
		if d.err = in.enterNetwork(); d.err == nil {
			d.conn, d.err = (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		}
		done <- d
	}()
	d := <-done
	return d.conn, d.err
}

func (in *inside) enterNetwork() error {
	for _, s := range in.spaces {
		if s.name == "net" {
			return unix.Setns(int(s.file.Fd()), unix.CLONE_NEWNET)
		}
	}
	return guest.ErrUnsupported
}

// output runs a command that runs a program in a container, and says how that ended.
func output(ctx context.Context, cmd exec.Cmd, c guest.Command) (guest.Output, error) {
	stdout, stderr := &limited{}, &limited{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if c.Stdin != nil {
		cmd.Stdin = strings.NewReader(string(c.Stdin))
	}
	err := exec.Run(ctx, cmd)
	out := guest.Output{Stdout: stdout.kept, Stderr: stderr.kept}
	if err == nil {
		return out, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return out, fmt.Errorf("run %s: %w", c.Args[0], cause)
	}
	out.Code, err = code(err)
	return out, err
}

// code is a program's exit code, by the convention of shells if a signal ended it.
func code(err error) (int, error) {
	if n := exec.ExitCode(err); n >= 0 {
		return n, nil
	}
	var ended interface{ Sys() any }
	if errors.As(err, &ended) {
		if s, ok := ended.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			return 128 + int(s.Signal()), nil
		}
	}
	return 0, err
}

// limited keeps the beginning of what is written to it.
type limited struct{ kept []byte }

func (l *limited) Write(p []byte) (int, error) {
	l.kept = append(l.kept, p[:min(len(p), guest.MaxOutput-len(l.kept))]...)
	return len(p), nil
}
