package qemu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const sshGuestPort = 22

// Forward returns the port of this machine, on loopback, that leads to a port of the guest.
func (m *Machine) Forward(ctx context.Context, port int) (int, error) {
	m.ports.Lock()
	defer m.ports.Unlock()
	if found, err := m.forwarded(ctx, port); err != nil || found != 0 {
		return found, err
	}
	said, err := m.monitor.human(ctx, fmt.Sprintf("hostfwd_add net tcp:127.0.0.1:0-:%d", port))
	if err != nil {
		return 0, fmt.Errorf("forward a port to the guest's port %d: %w", port, err)
	}
	found, err := m.forwarded(ctx, port)
	if err == nil && found == 0 {
		err = fmt.Errorf("forward a port to the guest's port %d: QEMU says: %s", port, strings.TrimSpace(said))
	}
	return found, err
}

// forwarded asks QEMU which port leads to one of the guest; 0 is none.
func (m *Machine) forwarded(ctx context.Context, port int) (int, error) {
	table, err := m.monitor.human(ctx, "info usernet")
	if err != nil {
		return 0, err
	}
	for _, c := range parseConnections(table) {
		if c.state == "HOST_FORWARD" && c.guestPort == port {
			return c.hostPort, nil
		}
	}
	return 0, nil
}

// connection is a line of QEMU's table of its user network.
type connection struct {
	state               string
	hostPort, guestPort int
}

// parseConnections reads lines like
//
//	TCP[HOST_FORWARD]  13       127.0.0.1 36743       10.0.2.15    80     0     0
func parseConnections(table string) []connection {
	const columns = 8
	var list []connection
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) != columns || !strings.HasPrefix(fields[0], "TCP[") {
			continue
		}
		hostPort, errHost := strconv.Atoi(fields[3])
		guestPort, errGuest := strconv.Atoi(fields[5])
		if errHost == nil && errGuest == nil {
			list = append(list, connection{strings.TrimSuffix(strings.TrimPrefix(fields[0], "TCP["), "]"), hostPort, guestPort})
		}
	}
	return list
}

// Dial connects to a TCP port of the guest. QEMU takes every connection before it knows
// whether the guest does, so Dial waits until that is known.
func (m *Machine) Dial(ctx context.Context, port int) (net.Conn, error) {
	ctx, cancel := m.during(ctx)
	defer cancel()
	hostPort, err := m.Forward(ctx, port)
	if err != nil {
		return nil, err
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(hostPort)))
	if err != nil {
		return nil, fmt.Errorf("connect to port %d of the guest: %w", port, err)
	}
	if err := m.settled(ctx, conn, hostPort); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("connect to port %d of the guest: %w", port, err)
	}
	return conn, nil
}

// settled returns when the guest has taken the connection, or refused it.
func (m *Machine) settled(ctx context.Context, conn net.Conn, hostPort int) error {
	for wait := time.Millisecond; ; wait = min(wait*2, 100*time.Millisecond) {
		if refused(conn) {
			return syscall.ECONNREFUSED
		}
		table, err := m.monitor.human(ctx, "info usernet")
		if err != nil {
			return err
		}
		waiting, taken := 0, 0
		for _, c := range parseConnections(table) {
			switch {
			case c.hostPort != hostPort || c.state == "HOST_FORWARD":
			case c.state == "SYN_SENT" || c.state == "SYN_RECEIVED":
				waiting++
			default:
				taken++
			}
		}
		if waiting == 0 && taken > 0 {
			if refused(conn) {
				return syscall.ECONNREFUSED
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the guest did not take the connection: %w", context.Cause(ctx))
		case <-time.After(wait):
		}
	}
}

// refused says whether the other end of a new connection is closed, without reading from it.
func refused(conn net.Conn) bool {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return true
	}
	closed := false
	err = raw.Read(func(fd uintptr) bool {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		closed = n == 0 && err == nil || err != nil && !errors.Is(err, syscall.EAGAIN)
		return true
	})
	return closed || err != nil
}

// checkPort refuses a port of this machine that somebody has.
func checkPort(port int) error {
	if port == 0 {
		return nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("listen for SSH to the guest: %w; see who has the port: ss -ltnp sport = :%d; or let a free one be chosen", err, port)
	}
	return listener.Close()
}
