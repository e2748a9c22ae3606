package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/check"
	"slipway.dev/slipway/internal/guest/console"
	"slipway.dev/slipway/internal/guest/plan"
	"slipway.dev/slipway/internal/progress"
)

// machine is a guest that was started, and what watches its console.
type machine struct {
	guest.Machine
	*watched
	used []string // tests that ran on it
}

// watched is the console of one machine.
type watched struct {
	name    string
	counts  bool // what is found on it is of the guest that is tested
	watcher *console.Watcher
	log     *os.File      // nil if there is no folder for it
	dead    chan struct{} // closed when the console shows that the guest will not come back
	death   *guest.BootError
}

// close ends the machine and its log. A nil machine is closed.
func (m *machine) close() error {
	if m == nil {
		return nil
	}
	return errors.Join(m.Machine.Close(), m.watched.close())
}

func (w *watched) close() error {
	err := w.watcher.Close()
	if w.log != nil {
		if closed := w.log.Close(); closed != nil && !errors.Is(closed, os.ErrClosed) {
			err = errors.Join(err, closed)
		}
	}
	return err
}

func (w *watched) files() []string {
	if w.log == nil {
		return nil
	}
	return []string{filepath.Base(w.log.Name())}
}

// until returns a context that ends with ctx, and also when the guest dies: then with
// what its console said as the cause.
func (w *watched) until(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-w.dead:
			cancel(w.death)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

func (w *watched) isDead() bool {
	select {
	case <-w.dead:
		return true
	default:
		return false
	}
}

// traceTime is how long a dying guest has to print what it dies of.
const traceTime = 2 * time.Second

// watch begins to watch the console of a machine of this name.
func (s *session) watch(name string, counts bool) (*watched, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &watched{name: s.unique(name), counts: counts, dead: make(chan struct{})}
	options := console.Options{MaxLog: s.MaxConsole, Settle: traceTime, Ignore: s.Plan.Console.Names(), Fatal: func(f console.Finding) {
		w.death = &guest.BootError{Reason: "died: " + f.String()}
		close(w.dead)
	}}
	if s.Artifacts != "" {
		log, err := os.Create(s.path("console-" + w.name + ".log"))
		if err != nil {
			return nil, err
		}
		w.log, options.Log = log, log
	}
	w.watcher = console.New(options)
	s.consoles = append(s.consoles, w)
	return w, nil
}

// unique is a name that no machine had before.
func (s *session) unique(name string) string {
	for n, candidate := 2, name; ; n++ {
		if !slices.ContainsFunc(s.consoles, func(w *watched) bool { return w.name == candidate }) {
			return candidate
		}
		candidate = fmt.Sprintf("%s-%d", name, n)
	}
}

// beyond is how much longer than the plan allows a starter may take to say so itself.
const beyond = 30 * time.Second

// start starts a guest and watches its console; counts says whether it is the one under
// test. A guest that is dying ends the start with a guest.BootError.
func (s *session) start(ctx context.Context, name string, from guest.Starter, counts bool) (*machine, error) {
	w, err := s.watch(name, counts)
	if err != nil {
		return nil, err
	}
	limit := s.Plan.Machine.Boot + beyond
	late := &guest.BootError{Reason: fmt.Sprintf("did not answer within %s", limit)}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, late)
	defer cancel()
	ctx, cancel = w.until(ctx)
	defer cancel()
	defer progress.Watch(15*time.Second, "start "+w.name, func(message string) { s.say("%s", message) })()
	started, err := from.Start(ctx, onlyWriter{w.watcher})
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return &machine{Machine: started, watched: w}, nil
}

// onlyWriter hides what else a writer can do.
type onlyWriter struct{ io.Writer }

// fresh returns a machine on which nothing ran: the booted one, once, or a restored one.
func (s *session) fresh(ctx context.Context, name string) (*machine, error) {
	s.mu.Lock()
	m := s.ready
	s.ready = nil
	s.mu.Unlock()
	if m != nil {
		return m, nil
	}
	from := s.Starter
	if s.snapshot.there() {
		from = s.snapshot
	}
	m, err := s.start(ctx, name, from, true)
	if err != nil {
		return nil, fmt.Errorf("start a machine for %s: %w", name, err)
	}
	return m, nil
}

// settle lets the guest end its boot, so that no test has to. One that cannot, or that
// takes too long, is for the tests to tell.
func (s *session) settle(ctx context.Context, m *machine) {
	ctx, cancel := context.WithTimeout(ctx, s.Plan.Timeout)
	defer cancel()
	ctx, stop := m.until(ctx)
	defer stop()
	if state, err := check.Settle(ctx, m); err == nil {
		s.say("%s: the system is %s", m.name, state)
	}
}

func (s *session) consoleFiles(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.consoles {
		if w.name == name {
			return w.files()
		}
	}
	return nil
}

// judgeConsole is the test of the consoles of all machines.
func (s *session) judgeConsole() guest.TestResult {
	var bad, all []string
	var files []string
	for _, w := range s.consoles {
		for _, f := range w.watcher.Findings() {
			counted := w.counts && f.Severity.Bad()
			if counted {
				bad = append(bad, w.name+": "+f.String())
				files = append(files, w.files()...)
			}
			all = append(all, describe(w.name, f, counted))
		}
	}
	entry, expired := s.Denylist.For(plan.ConsoleIsGood, s.Where)
	verdict := judge([]attempt{{problems: bad}}, entry, expired)
	verdict.Name, verdict.Files = plan.ConsoleIsGood, slices.Compact(files)
	if len(all) > 0 {
		verdict.Detail = strings.Join(all, "\n")
	}
	return verdict
}
