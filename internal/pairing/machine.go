package pairing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"slipway.dev/slipway/internal/guest"
)

// machine is a container in a virtual machine. Screen, console and ports are the machine's.
type machine struct {
	vm     guest.Machine
	way    Way
	limit  time.Duration // of a reboot
	leader atomic.Value  // number of the container's first process in the machine, as a string
}

var _ guest.Snapshotter = (*machine)(nil)

// fill puts what is known by now in its places.
func (m *machine) fill(args []string) []string {
	leader, _ := m.leader.Load().(string)
	places := strings.NewReplacer("{root}", root, "{name}", name, "{leader}", leader)
	filled := make([]string, len(args))
	for i, arg := range args {
		filled[i] = places.Replace(arg)
	}
	return filled
}

// ready says what the container's start waits for; nothing if a program runs in it.
func (m *machine) ready(ctx context.Context) (waits string) {
	if waits := m.findLeader(ctx); waits != "" {
		return waits
	}
	args := m.way.ready()
	out, err := m.Run(ctx, guest.Command{Args: args})
	return failure(args, out, err)
}

// findLeader asks the machine for the container's first process.
func (m *machine) findLeader(ctx context.Context) (waits string) {
	if len(m.way.Leader) == 0 {
		return ""
	}
	args := m.fill(m.way.Leader)
	out, err := m.vm.Run(ctx, guest.Command{Args: args})
	if waits := failure(args, out, err); waits != "" {
		return waits
	}
	number := strings.TrimSpace(string(out.Stdout))
	if n, err := strconv.Atoi(number); err != nil || n < 2 {
		return fmt.Sprintf("%s printed %q, and no process's number", strings.Join(args, " "), number)
	}
	m.leader.Store(number)
	return ""
}

// failure says how a program failed; nothing if it did not.
func failure(args []string, out guest.Output, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case out.Code != 0:
		return fmt.Sprintf("%s exited with %d%s", strings.Join(args, " "), out.Code, said(out))
	}
	return ""
}

// Run runs a program in the container.
func (m *machine) Run(ctx context.Context, c guest.Command) (guest.Output, error) {
	if len(c.Args) == 0 {
		return guest.Output{}, errors.New("run a program in the container: none is named")
	}
	into := m.fill(m.way.Exec)
	out, err := m.vm.Run(ctx, guest.Command{Args: slices.Concat(into, c.Args), Stdin: c.Stdin})
	switch {
	case errors.Is(err, guest.ErrNoProgram): // which is not the container's fault
		return out, fmt.Errorf("run %s in the container: the virtual machine has no %s", c.Args[0], into[0])
	case err != nil:
		return out, err
	case out.Code == notFound && len(out.Stderr) > 0 && !m.has(ctx, c.Args[0]):
		return out, fmt.Errorf("%w: %s", guest.ErrNoProgram, c.Args[0])
	}
	return out, nil
}

// notFound is the exit code of whatever starts a program that is not there.
const notFound = 127

// has says whether the container has a program: others exit with notFound as well.
func (m *machine) has(ctx context.Context, program string) bool {
	args := append(m.fill(m.way.Exec), "sh", "-c", `command -v -- "$1"`, "sh", program)
	out, err := m.vm.Run(ctx, guest.Command{Args: args})
	return err == nil && out.Code == 0
}

// Dial connects to a port of the machine, which is the container's where it shares the
// machine's network, or has the port forwarded.
func (m *machine) Dial(ctx context.Context, port int) (net.Conn, error) { return m.vm.Dial(ctx, port) }

// Reboot lets the container reboot. The machine stays, and so does what was written.
func (m *machine) Reboot(ctx context.Context) error {
	if len(m.way.Reboot) == 0 {
		return fmt.Errorf("reboot the container: %w: the suites' file has no reboot", guest.ErrUnsupported)
	}
	before, waits := m.began(ctx)
	if waits != "" {
		return fmt.Errorf("reboot the container: %s", waits)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, m.limit, lateError{fmt.Sprintf("did not reboot within %s", m.limit)})
	defer cancel()
	for _, args := range m.way.Reboot {
		args = m.fill(args)
		if err := m.step(ctx, strings.Join(args, " "), args); err != nil {
			return err
		}
	}
	return m.await(ctx, func(ctx context.Context) string {
		if waits := m.ready(ctx); waits != "" {
			return waits
		}
		now, waits := m.began(ctx)
		if waits == "" && now == before {
			waits = "its first process is the one from before"
		}
		return waits
	})
}

// began says when the container's first process began, which another one did not.
func (m *machine) began(ctx context.Context) (at, waits string) {
	args := []string{"cat", "/proc/1/stat"}
	out, err := m.Run(ctx, guest.Command{Args: args})
	if waits := failure(args, out, err); waits != "" {
		return "", waits
	}
	const started = 22 // counted from 1; the second field, in parentheses, may hold spaces
	_, fields, _ := strings.Cut(string(out.Stdout), ") ")
	list := strings.Fields(fields)
	if len(list) < started-2 {
		return "", fmt.Sprintf("its /proc/1/stat is %q", out.Stdout)
	}
	return list[started-3], ""
}

// Screenshot is of the machine's screen.
func (m *machine) Screenshot(ctx context.Context, file string) error {
	return m.vm.Screenshot(ctx, file)
}

// Command starts the machine with the container's disk; starting the container in it is
// for whoever logs in.
func (m *machine) Command() []string { return m.vm.Command() }

func (m *machine) Close() error { return m.vm.Close() }

// Snapshot keeps the machine with the container running in it.
func (m *machine) Snapshot(ctx context.Context) (guest.Snapshot, error) {
	keeper, ok := m.vm.(guest.Snapshotter)
	if !ok {
		return nil, guest.ErrUnsupported
	}
	state, err := keeper.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return snapshot{state, m}, nil
}

// snapshot is a machine's, in which the container runs.
type snapshot struct {
	guest.Snapshot
	from *machine
}

func (s snapshot) Start(ctx context.Context, console io.Writer) (guest.Machine, error) {
	vm, err := s.Snapshot.Start(ctx, console)
	if err != nil {
		return nil, err
	}
	m := &machine{vm: vm, way: s.from.way, limit: s.from.limit}
	if leader := s.from.leader.Load(); leader != nil {
		m.leader.Store(leader)
	}
	return m, nil
}
