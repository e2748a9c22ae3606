package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/progress"
)

// Snapshot is a machine's state. Machines that start from it share the memory that they
// do not change: it is mapped, not read, so a start costs little however large it is.
type Snapshot struct {
	from     *Machine // which has ended; its folder, disks and memory are the snapshot's
	state    *os.File // of its devices, in memory too
	closing  sync.Once
	oneByOne sync.Mutex // for what must not be half done when it is closed
	closed   bool
}

// moveLimit is how long it may take to save or load a machine's devices.
const moveLimit = time.Minute

// Snapshot keeps the machine's state, and closes the machine.
func (m *Machine) Snapshot(ctx context.Context) (guest.Snapshot, error) {
	if m.restored {
		return nil, fmt.Errorf("take a snapshot: %w: the machine comes from a snapshot; take more machines of that one", guest.ErrUnsupported)
	}
	ctx, done := m.during(ctx)
	defer done()
	s, err := m.save(ctx)
	if err != nil {
		_ = m.Close() // has no errors
		return nil, fmt.Errorf("take a snapshot: %w", err)
	}
	m.closing.Do(m.end) // its folder and memory stay, for the snapshot
	return s, nil
}

func (m *Machine) save(ctx context.Context) (*Snapshot, error) {
	if m.line.byAgentNow() {
		m.config.Talk = Agent // no machine from the snapshot has to look for a way
	}
	m.line.hangUp()
	state, err := memoryFile(0)
	if err != nil {
		return nil, err
	}
	err = m.migrate(ctx, state, "migrate", "stop")
	if err != nil {
		_ = state.Close()
		return nil, err
	}
	return &Snapshot{from: m, state: state}, nil
}

// migrate passes the devices' state through a file: out of QEMU or into it. Memory is
// not part of it.
func (m *Machine) migrate(ctx context.Context, state *os.File, command string, before ...string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, moveLimit, fmt.Errorf("it took longer than %s", moveLimit))
	defer cancel()
	type capability struct {
		Capability string `json:"capability"`
		State      bool   `json:"state"`
	}
	capabilities := map[string]any{"capabilities": []capability{{"x-ignore-shared", true}, {"events", true}}}
	err := m.monitor.do(ctx, "migrate-set-capabilities", capabilities, nil)
	for _, c := range before {
		err = errors.Join(err, m.monitor.do(ctx, c, nil, nil))
	}
	if err != nil {
		return err
	}
	if err := m.monitor.do(ctx, "getfd", map[string]string{"fdname": "state"}, nil, state); err != nil {
		return err
	}
	if err := m.monitor.do(ctx, command, map[string]string{"uri": "fd:state"}, nil); err != nil {
		return err
	}
	select {
	case err := <-m.moved:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Memory is what a machine from the snapshot takes at most.
func (s *Snapshot) Memory() int64 { return s.from.config.Memory + overhead }

// Start starts a machine that goes on where the snapshot was taken.
func (s *Snapshot) Start(ctx context.Context, console io.Writer) (guest.Machine, error) {
	m, err := s.start(ctx, console)
	if err != nil {
		return nil, fmt.Errorf("start a machine from a snapshot: %w", err)
	}
	return m, nil
}

func (s *Snapshot) start(ctx context.Context, console io.Writer) (*Machine, error) {
	c := s.from.config
	if err := CheckMemory(c.Memory + overhead); err != nil {
		return nil, err
	}
	if c.SSHPort != 0 {
		c.SSHPort = 0 // it can be only one machine's
	}
	memory, state, err := s.files()
	if err != nil {
		return nil, err
	}
	defer state.Close()
	m, err := newMachine(ctx, c, s.from.accel, s.from.identity, memory)
	if err != nil {
		_ = memory.Close()
		return nil, err
	}
	m.restored = true
	m.host.inherit(&s.from.host, m.boots.nextReset())
	if err := m.resume(ctx, s, state, console); err != nil {
		_ = m.Close() // has no errors
		return nil, err
	}
	return m, nil
}

// files opens the memory and the devices' state once more.
func (s *Snapshot) files() (memory, state *os.File, err error) {
	s.oneByOne.Lock()
	defer s.oneByOne.Unlock()
	if s.closed {
		return nil, nil, errors.New("the snapshot is closed")
	}
	if memory, err = reopen(s.from.memory); err != nil {
		return nil, nil, err
	}
	if state, err = reopen(s.state); err != nil {
		_ = memory.Close()
		return nil, nil, err
	}
	return memory, state, nil
}

// reopen opens the file behind another one, at its beginning.
func reopen(f *os.File) (*os.File, error) {
	return os.OpenFile("/proc/self/fd/"+strconv.Itoa(int(f.Fd())), os.O_RDWR, 0)
}

// resume starts QEMU, gives it the state, and waits for the guest.
func (m *Machine) resume(ctx context.Context, s *Snapshot, state *os.File, console io.Writer) error {
	stop := progress.Watch(sayEvery, "restore the guest", m.config.Say)
	defer stop()
	runtime := Runtime{Accel: m.accel.Name, Key: m.identity.authorized(), Incoming: true, SeedFile: s.from.seedFile}
	for i, below := range s.from.overlays {
		file, err := overlay(ctx, m.folder, fmt.Sprintf("disk%d.qcow2", i), below, "qcow2")
		if err != nil {
			return err
		}
		runtime.Overlays = append(runtime.Overlays, file)
	}
	m.overlays = slices.Clone(runtime.Overlays)
	if err := m.launch(ctx, runtime, console); err != nil {
		return err
	}
	during, done := m.during(ctx)
	defer done()
	if err := m.migrate(during, state, "migrate-incoming"); err != nil {
		return err
	}
	if err := m.monitor.do(during, "cont", nil, nil); err != nil {
		return err
	}
	if err := m.awaitAnswer(ctx); err != nil {
		return err
	}
	return m.setClock(during)
}

// setClock tells the guest what time it is: it believes that no time has passed. The
// agent's own command for it wants hwclock in the guest, and waits for the next second.
func (m *Machine) setClock(ctx context.Context) error {
	now := "@" + strconv.FormatInt(time.Now().Unix(), 10)
	out, err := m.Run(ctx, guest.Command{Args: []string{"date", "-u", "-s", now}})
	if err == nil && out.Code != 0 {
		err = fmt.Errorf("date: exit code %d: %s", out.Code, out.Stderr)
	}
	if err != nil {
		return fmt.Errorf("set the guest's clock: %w", err)
	}
	return nil
}

// byAgentNow says whether the agent answers.
func (l *line) byAgentNow() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byAgent
}

// Close removes the state. Machines that came from it go on.
func (s *Snapshot) Close() error {
	s.closing.Do(func() {
		s.oneByOne.Lock()
		defer s.oneByOne.Unlock()
		s.closed = true
		_ = s.from.memory.Close()
		_ = s.state.Close()
		s.from.remove()
	})
	return nil
}
