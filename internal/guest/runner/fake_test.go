package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/plan"
)

// world has all machines that a runner starts. Each program that it runs ends as the
// script says, in its order over all machines, and then as the last word of it.
type world struct {
	snapshots   bool
	memory      int64
	boot        func(ctx context.Context, console io.Writer) error // nil boots at once
	script      map[string][]string                                // program: what it does each time: "ok", "fail", "hang", "die", ...
	forgets     bool                                               // files do not survive a reboot
	stays       bool                                               // a reboot does nothing
	breaksClose bool
	inside      func() // is called in the bubble, before all else

	mu      sync.Mutex
	runs    map[string]int
	started []*fake
	most    int                      // machines at a time
	gate    func(w *world, m *fake)  // is called at each run of a program
	log     []string                 // MACHINE PROGRAM
	at      map[string]func(m *fake) // programs with an effect
}

type fake struct {
	*world
	id      int
	console io.Writer
	booted  int
	version string
	next    string // the version after a reboot
	files   map[string]string
	closed  bool
}

func (w *world) Start(ctx context.Context, console io.Writer) (guest.Machine, error) {
	return w.start(ctx, console, "new")
}

func (w *world) start(ctx context.Context, console io.Writer, version string) (guest.Machine, error) {
	if w.boot != nil {
		if err := w.boot(ctx, console); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	m := &fake{world: w, id: len(w.started), console: console, version: version, files: map[string]string{}}
	w.started = append(w.started, m)
	w.most = max(w.most, len(w.open()))
	if w.snapshots {
		return &keeper{m}, nil
	}
	return m, nil
}

// open are the machines that run.
func (w *world) open() []*fake {
	return slices.DeleteFunc(slices.Clone(w.started), func(m *fake) bool { return m.closed })
}

func (m *fake) Run(ctx context.Context, c guest.Command) (guest.Output, error) {
	program := c.Args[0]
	m.mu.Lock()
	m.log = append(m.log, fmt.Sprintf("%d %s", m.id, program))
	words := m.script[program]
	n := m.runs[program]
	m.runs[program]++
	closed := m.closed
	m.mu.Unlock()
	if closed {
		return guest.Output{}, errors.New("the machine is closed")
	}
	if m.gate != nil {
		m.gate(m.world, m)
	}
	if len(words) > 0 {
		return m.do(ctx, words[min(n, len(words)-1)])
	}
	if effect := m.at[program]; effect != nil {
		effect(m)
		return guest.Output{}, nil
	}
	return m.builtin(c)
}

func (m *fake) do(ctx context.Context, word string) (guest.Output, error) {
	switch word {
	case "ok":
		return guest.Output{}, nil
	case "fail":
		return guest.Output{Code: 1, Stderr: []byte("no such luck")}, nil
	case "late": // it does not notice that nobody waits any more
		<-ctx.Done()
		return guest.Output{}, nil
	case "die":
		fmt.Fprintln(m.console, "[   12.3] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100")
		fallthrough
	case "hang":
		<-ctx.Done()
		return guest.Output{}, fmt.Errorf("wait for the guest: %w", context.Cause(ctx))
	default:
		return guest.Output{Stdout: []byte(word)}, nil
	}
}

func (m *fake) builtin(c guest.Command) (guest.Output, error) {
	switch strings.Join(c.Args, " ") {
	case "tee " + marker:
		m.files[marker] = string(c.Stdin)
		return guest.Output{Stdout: c.Stdin}, nil
	case "cat " + marker:
		if text, ok := m.files[marker]; ok {
			return guest.Output{Stdout: []byte(text)}, nil
		}
		return guest.Output{Code: 1, Stderr: []byte("cat: no such file")}, nil
	case "cat /proc/sys/kernel/random/boot_id /proc/1/stat":
		return guest.Output{Stdout: fmt.Appendf(nil, "the-kernels\n1 (sys (t) emd) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 %d 9 9\n", m.booted)}, nil
	case "version":
		return guest.Output{Stdout: []byte(m.version + "\n")}, nil
	}
	return guest.Output{}, fmt.Errorf("find %s: %w", c.Args[0], guest.ErrNoProgram)
}

func (m *fake) Dial(context.Context, int) (net.Conn, error) { return nil, guest.ErrUnsupported }

func (m *fake) Reboot(context.Context) error {
	if m.stays {
		return nil
	}
	m.booted++
	if m.forgets {
		m.files = map[string]string{}
	}
	if m.next != "" {
		m.version, m.next = m.next, ""
	}
	return nil
}

func (m *fake) Screenshot(_ context.Context, file string) error {
	return os.WriteFile(file, []byte("png"), 0o644)
}

func (m *fake) Command() []string { return []string{"qemu"} }

func (m *fake) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	if m.breaksClose {
		return errors.New("a process stayed")
	}
	return nil
}

// keeper is a fake whose state can be kept.
type keeper struct{ *fake }

func (k *keeper) Snapshot(context.Context) (guest.Snapshot, error) {
	return &state{world: k.world}, k.Close()
}

type state struct{ *world }

func (s *state) Start(ctx context.Context, console io.Writer) (guest.Machine, error) {
	m, err := s.world.start(ctx, console, "new")
	if err != nil {
		return nil, err
	}
	return m.(*keeper).fake, nil
}

func (s *state) Memory() int64 { return s.memory }
func (s *state) Close() error  { return nil }

// previous boots the guest before this one.
type previous struct{ *world }

func (p previous) Start(ctx context.Context, console io.Writer) (guest.Machine, error) {
	return p.start(ctx, console, "old")
}

// parse makes a plan of tests, a line each.
func parse(t *testing.T, tests ...string) *plan.Plan {
	t.Helper()
	return parsePlan(t, "name: test\ntests:\n- "+strings.Join(tests, "\n- ")+"\n")
}

func parsePlan(t *testing.T, text string) *plan.Plan {
	t.Helper()
	p, err := plan.Parse("plan.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// runs is tests of which each runs the program of its name.
func runs(names ...string) []string {
	tests := make([]string, len(names))
	for i, name := range names {
		tests[i] = fmt.Sprintf("{name: %s, run: {args: [%[1]s]}}", name)
	}
	return tests
}

// try runs a plan in a bubble whose clock jumps: it ends with a panic if a goroutine stays.
func try(t *testing.T, w *world, c Config, look func(ctx context.Context, r *guest.Run, err error)) {
	t.Helper()
	w.runs = map[string]int{}
	synctest.Test(t, func(t *testing.T) {
		c.Starter = w
		if w.inside != nil {
			w.inside()
		}
		r, err := Run(t.Context(), c)
		if open := w.open(); len(open) > 0 && !w.breaksClose {
			t.Errorf("%d machines are still open", len(open))
		}
		look(t.Context(), r, err)
	})
}

// statuses is how tests ended, in the order of the results.
func statuses(r *guest.Run) string {
	var words []string
	for _, test := range r.Tests {
		words = append(words, test.Name+":"+string(test.Status))
	}
	return strings.Join(words, " ")
}

func result(t *testing.T, r *guest.Run, name string) guest.TestResult {
	t.Helper()
	for _, test := range r.Tests {
		if test.Name == name {
			return test
		}
	}
	t.Fatalf("no result of %s", name)
	return guest.TestResult{}
}

func denylist(t *testing.T, p *plan.Plan, entries ...string) *plan.Denylist {
	t.Helper()
	day := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	d, err := plan.ParseDenylist("denylist.yaml", []byte("deny:\n- "+strings.Join(entries, "\n- ")+"\n"), p, day)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
