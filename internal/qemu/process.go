package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/exec"
)

// The descriptors that QEMU inherits, in this order after the standard three.
const firstDescriptor = 3

// launch starts QEMU and everything around it, and returns when it takes commands.
func (m *Machine) launch(ctx context.Context, r Runtime, to io.Writer) error {
	ends, err := newEnds()
	if err != nil {
		return err
	}
	r.Managed = &Descriptors{Monitor: firstDescriptor, Agent: firstDescriptor + 1, Console: firstDescriptor + 2, Memory: firstDescriptor + 3}
	m.ends, m.console = ends, &console{to: to}
	m.monitor, m.agent = newMonitor(ends.ours[0]), newAgent(ends.ours[1])
	m.around.Go(func() {
		err := exec.Run(m.running, exec.Cmd{
			Args: m.config.Args(r), Dir: m.folder, Env: append(os.Environ(), "TMPDIR="+m.folder), Files: append(ends.theirs, m.memory),
		})
		ends.closeTheirs() // who reads ours sees the end
		m.die(qemuEnded(m.config.Program, err))
	})
	m.around.Go(m.watch)
	m.around.Go(func() {
		if err := m.console.copy(ends.ours[2]); err != nil {
			m.die(err)
		}
	})
	return m.greet(ctx)
}

func (m *Machine) greet(ctx context.Context) error {
	err := m.monitor.do(ctx, "qmp_capabilities", nil, nil)
	if errors.Is(err, errMonitorClosed) {
		<-m.life.Done()
	}
	if cause := context.Cause(m.life); cause != nil {
		return cause
	}
	return err
}

// qemuEnded is the error of a QEMU that ended by itself: this machine's fault, or ours.
func qemuEnded(program string, err error) error {
	failed, ok := errors.AsType[*exec.Error](err)
	switch {
	case exec.IsNotFound(err):
		return fmt.Errorf("run %s: it is not installed; run: apt-get install --no-install-recommends qemu-system-x86", program)
	case ok && failed.Stderr != "":
		return fmt.Errorf("run %s: %w: %s", program, failed.Err, failed.Stderr)
	case ok:
		return fmt.Errorf("run %s: %w", program, failed.Err)
	}
	return fmt.Errorf("run %s: it ended by itself", program)
}

// ends are both ends of what connects us with QEMU: monitor, agent, console. They have
// no names, so there is nothing to race for and nothing to remove.
type ends struct {
	ours   [3]*net.UnixConn
	theirs []*os.File
}

func newEnds() (*ends, error) {
	e := &ends{}
	for i := range e.ours {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			e.close()
			return nil, fmt.Errorf("connect with QEMU: %w", err)
		}
		ours := os.NewFile(uintptr(pair[0]), "ours")
		e.theirs = append(e.theirs, os.NewFile(uintptr(pair[1]), "theirs"))
		conn, err := net.FileConn(ours)
		_ = ours.Close()
		if err != nil {
			e.close()
			return nil, fmt.Errorf("connect with QEMU: %w", err)
		}
		e.ours[i] = conn.(*net.UnixConn)
	}
	return e, nil
}

func (e *ends) close() {
	e.closeTheirs()
	for _, conn := range e.ours {
		if conn != nil {
			_ = conn.Close()
		}
	}
}

func (e *ends) closeTheirs() {
	for _, f := range e.theirs {
		_ = f.Close()
	}
}
