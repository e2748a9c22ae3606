package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/guest"
)

// Nspawn runs containers by systemd-nspawn. It needs root, but neither a daemon nor
// systemd, and leaves nothing on the disk: what the container writes is in memory.
type Nspawn struct{}

// Name is the runtime's.
func (Nspawn) Name() string { return "nspawn" }

// Starter starts such a container.
func (Nspawn) Starter(c Config) guest.Starter { return nspawnStarter{c} }

// Try makes what a container needs: a cage, and in it a root that is written to aside.
func (Nspawn) Try(ctx context.Context) (string, error) {
	version, err := exec.Output(ctx, exec.Cmd{Args: []string{"systemd-nspawn", "--version"}})
	if exec.IsNotFound(err) {
		return "", errors.New("systemd-nspawn is not installed; run: apt-get install --no-install-recommends systemd-container")
	}
	if err != nil {
		return "", err
	}
	if os.Geteuid() != 0 {
		return "", errors.New("systemd-nspawn needs root")
	}
	said := &tail{to: io.Discard}
	trial, err := nspawnCage(newName(), "/etc", nil, said, "true")
	if err != nil {
		return "", err
	}
	cage, err := trial.start(ctx)
	if err != nil {
		return "", err
	}
	select {
	case <-cage.ended:
		err = cage.err
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err = errors.Join(err, cage.close()); err != nil {
		return "", fmt.Errorf("this machine refuses namespaces or mounts (a pod needs securityContext.privileged): %w: %s", err, said.text())
	}
	first, _, _ := strings.Cut(string(version), "\n")
	return first, nil
}

// nspawnCage is a cage in which a program finds the tree, to be written to, as /run/slipway/root.
func nspawnCage(name, tree string, env []string, output io.Writer, args ...string) (caged, error) {
	own, err := ownGroups()
	if err != nil {
		return caged{}, err
	}
	paths, err := groups(os.DirFS("/"), own, name)
	if err != nil {
		return caged{}, err
	}
	args = append([]string{"sh", "-euc", nspawnText, "nspawn", tree}, args...)
	return caged{what: "systemd-nspawn", args: args, env: env, output: output, groups: paths}, nil
}

// nspawnText makes, in the cage's own mounts, a root to write to over the one that is
// never changed, and starts the container in it. What nspawn itself keeps in /run is in
// memory as well, and goes with the cage. $1 is the tree, which overlays would read as
// several if its name held a colon; then nspawn and its arguments. nspawn ends with 133
// to be started again: its container reboots.
const nspawnText = `names=$(cat /etc/resolv.conf 2>/dev/null) || names=
cd -- "$1"
mount -t tmpfs -o mode=0755 slipway /run
mkdir /run/slipway /run/slipway/upper /run/slipway/work /run/slipway/root
printf '%s\n' "$names" >/run/slipway/resolv.conf
mount -t overlay -o "lowerdir=.,upperdir=/run/slipway/upper,workdir=/run/slipway/work" overlay /run/slipway/root
shift
while :; do
	code=0
	"$@" || code=$?
	[ "$code" -eq 133 ] || exit "$code"
done`

// nspawnArgs are systemd-nspawn's.
func nspawnArgs(c Config, name string) []string {
	args := []string{
		"systemd-nspawn", "--quiet", "--directory=/run/slipway/root", "--machine=" + name, "--boot",
		"--register=no", "--keep-unit", // no systemd on this machine is asked for anything
		"--console=read-only", "--notify-ready=yes", "--link-journal=no", "--timezone=off", "--resolv-conf=off",
	}
	if c.Network {
		args = append(args, "--bind-ro=/run/slipway/resolv.conf:/etc/resolv.conf")
	} else {
		args = append(args, "--private-network")
	}
	for _, b := range c.Binds {
		args = append(args, "--bind-ro="+escape(b.Source)+":"+escape(b.Target))
	}
	return args
}

// escape is a path as nspawn reads it in a bind.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(path)
}

type nspawnStarter struct{ config Config }

func (s nspawnStarter) Start(ctx context.Context, console io.Writer) (guest.Machine, error) {
	if err := s.config.check(); err != nil {
		return nil, err
	}
	m := &nspawn{config: s.config, started: make(chan struct{}, 1), flushed: make(chan struct{})}
	err := m.start(ctx, console)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start container %s by systemd-nspawn: %w", s.config.Root.Name, err), m.Close())
	}
	return m, nil
}

// nspawn is a container that runs.
type nspawn struct {
	config  Config
	cage    *cage
	notices *net.UnixConn
	started chan struct{} // told of each start of the container: the first, and reboots
	said    *tail         // the end of what was printed
	closed  bool

	flushed   chan struct{}
	flushOnce sync.Once

	mu     sync.Mutex
	in     *inside // nil if the container that started last is gone
	starts int
}

func (m *nspawn) start(ctx context.Context, console io.Writer) error {
	name := newName()
	socket := "@" + name
	var err error
	if m.notices, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"}); err != nil {
		return fmt.Errorf("listen to systemd-nspawn: %w", err)
	}
	m.said = &tail{to: console}
	// A guest on version 1 of control groups complains of hierarchies that it cannot make.
	env := append(os.Environ(), "NOTIFY_SOCKET="+socket, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1")
	c, err := nspawnCage(name, m.config.Root.Tree, env, m.said, nspawnArgs(m.config, name)...)
	if err != nil {
		return err
	}
	m.cage, err = c.start(ctx)
	if err != nil {
		return err
	}
	go m.listen()
	return m.boot(0).wait(ctx)
}

// listen follows what systemd-nspawn says, until Close. What we say ourselves closes flushed.
func (m *nspawn) listen() {
	buffer := make([]byte, 4096)
	for {
		n, _, err := m.notices.ReadFromUnix(buffer)
		if err != nil {
			return
		}
		for line := range strings.Lines(string(buffer[:n])) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch key {
			case "X_NSPAWN_LEADER_PID":
				m.enter(value)
			case flushKey:
				close(m.flushed)
				return
			}
		}
	}
}

const flushKey = "X_SLIPWAY_FLUSH"

// flush returns when all is heard that systemd-nspawn, which has ended, had said.
func (m *nspawn) flush() {
	m.flushOnce.Do(func() {
		conn, err := net.DialUnix("unixgram", nil, m.notices.LocalAddr().(*net.UnixAddr))
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		if _, err := conn.Write([]byte(flushKey + "=")); err == nil {
			<-m.flushed
		}
	})
}

// enter goes over to a container that just started, unless that is gone already.
func (m *nspawn) enter(number string) {
	var in *inside
	if inner, err := strconv.Atoi(number); err == nil {
		if pid, err := leader(m.cage.pid, inner); err == nil {
			in, _ = openInside(pid) // gone in between: as if it had never been found
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.in != nil {
		_ = m.in.close() // of the boot before: whatever ran in it has ended with it
	}
	m.in, m.starts = in, m.starts+1
	select {
	case m.started <- struct{}{}:
	default:
	}
}

func (m *nspawn) startCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.starts
}

func (m *nspawn) inside() (*inside, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.in == nil {
		return nil, errNoLeader
	}
	return m.in, nil
}

// why says why systemd-nspawn ended: the guest's doing if there was one.
func (m *nspawn) why() error {
	m.flush()
	switch {
	case m.startCount() == 0:
		return fmt.Errorf("%w: %s", cmp.Or(m.cage.err, errors.New("systemd-nspawn ended before the container was there")), m.said.text())
	case m.cage.err == nil:
		return &guest.BootError{Reason: "powered itself off"}
	}
	return &guest.BootError{Reason: fmt.Sprintf("ended: %s exited with %d", m.config.Root.Init, exec.ExitCode(m.cage.err))}
}

func (m *nspawn) boot(before int) boot {
	return boot{config: m.config, ended: m.cage.ended, why: m.why, run: m.Run, starts: m.startCount, before: before}
}

func (m *nspawn) Run(ctx context.Context, c guest.Command) (guest.Output, error) {
	in, err := m.inside()
	if err != nil {
		return guest.Output{}, err
	}
	return in.run(ctx, c)
}

func (m *nspawn) Dial(ctx context.Context, port int) (net.Conn, error) {
	in, err := m.inside()
	if err != nil {
		return nil, err
	}
	return in.dial(ctx, port)
}

// Reboot lets the container reboot: systemd-nspawn starts it again over the same files.
func (m *nspawn) Reboot(ctx context.Context) error {
	select {
	case <-m.started: // of the boot that is
	default:
	}
	boot := m.boot(m.startCount())
	if err := askReboot(ctx, m.Run); err != nil {
		return err
	}
	ctx, cancel := boot.limit(ctx)
	defer cancel()
	select {
	case <-m.started:
		return boot.again(ctx)
	case <-m.cage.ended:
		return m.why()
	case <-ctx.Done():
		return fmt.Errorf("wait for the container's reboot: %w", context.Cause(ctx))
	}
}

// Screenshot is nothing that a container has.
func (m *nspawn) Screenshot(context.Context, string) error { return guest.ErrUnsupported }

// Command starts the same container by hand; what it writes goes to memory as well.
func (m *nspawn) Command() []string { return nspawnCommand(m.config) }

func nspawnCommand(c Config) []string {
	args := []string{"systemd-nspawn", "--directory=" + c.Root.Tree, "--volatile=overlay", "--boot", "--register=no", "--keep-unit"}
	if !c.Network {
		args = append(args, "--private-network")
	}
	for _, b := range c.Binds {
		args = append(args, "--bind-ro="+escape(b.Source)+":"+escape(b.Target))
	}
	return args
}

func (m *nspawn) Close() error {
	var errs []error
	if m.cage != nil {
		errs = append(errs, m.cage.close())
	}
	if m.notices != nil && !m.closed {
		m.closed = true
		errs = append(errs, m.notices.Close())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.in != nil {
		errs = append(errs, m.in.close())
		m.in = nil
	}
	return errors.Join(errs...)
}
