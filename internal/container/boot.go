package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"slipway.dev/slipway/internal/guest"
)

// boot waits for a container that was started.
type boot struct {
	config Config
	ended  <-chan struct{} // closed when the container has ended
	why    func() error    // then: why
	run    func(context.Context, guest.Command) (guest.Output, error)
	starts func() int // how often it has started, reboots included
	before int        // how often before this boot was asked for
}

// Between two looks at a container that does not answer yet.
const (
	firstLook = 20 * time.Millisecond
	lastLook  = time.Second
)

// errLate is the cause of a wait's end at the configuration's deadline.
var errLate = errors.New("the container did not start in time")

func (b boot) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, b.config.boot(), errLate)
}

// wait returns when the container's systemd has started all that it wanted to, well or
// not. A guest without systemd has started when a program runs in it.
func (b boot) wait(ctx context.Context) error {
	ctx, cancel := b.limit(ctx)
	defer cancel()
	return b.again(ctx)
}

func (b boot) again(ctx context.Context) error {
	state := "nothing in it answered"
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		if n := b.starts() - b.before - 1; n > b.config.Reboots {
			return &guest.BootError{Reason: fmt.Sprintf("rebooted %d times before it had started", n)}
		}
		said, err := b.look(ctx)
		switch {
		case err == nil && started(said), errors.Is(err, guest.ErrNoProgram):
			return nil
		case err == nil && said != "" && said != "offline" && said != "unknown":
			state = "systemd says " + said
		}
		select {
		case <-b.ended:
			return b.why()
		case <-ctx.Done():
			return b.late(ctx, state)
		case <-time.After(pause):
		}
	}
}

// look asks systemd for its state. It waits for the end of the start, if systemd answers.
func (b boot) look(ctx context.Context) (state string, err error) {
	out, err := b.run(ctx, guest.Command{Args: []string{"systemctl", "is-system-running", "--wait"}})
	return strings.TrimSpace(string(out.Stdout)), err
}

// started are the states of a systemd that is done with starting.
func started(state string) bool {
	return state == "running" || state == "degraded" || state == "maintenance"
}

// asking is how long a container that is late may take to say what it waits for.
const asking = 5 * time.Second

// late says that the container did not start, and what its systemd waits for.
func (b boot) late(ctx context.Context, state string) error {
	if cause := context.Cause(ctx); !errors.Is(cause, errLate) {
		return cause
	}
	ask, cancel := context.WithTimeout(context.WithoutCancel(ctx), asking)
	defer cancel()
	out, err := b.run(ask, guest.Command{Args: []string{"systemctl", "list-jobs", "--no-legend", "--plain"}})
	if jobs := bytes.TrimSpace(out.Stdout); err == nil && out.Code == 0 && len(jobs) > 0 {
		state = "systemd waits for " + strings.Join(strings.Fields(string(bytes.ReplaceAll(jobs, []byte("\n"), []byte(",\n")))), " ")
	}
	return b.config.deadline(state)
}

// askReboot asks for a reboot. The answer may be lost in it.
func askReboot(ctx context.Context, run func(context.Context, guest.Command) (guest.Output, error)) error {
	out, err := run(ctx, guest.Command{Args: []string{"systemctl", "reboot"}})
	if errors.Is(err, guest.ErrNoProgram) {
		return fmt.Errorf("reboot the container: %w: it has no systemctl", guest.ErrUnsupported)
	}
	if err == nil && out.Code != 0 && out.Code < 128 && len(out.Stderr) > 0 {
		return fmt.Errorf("reboot the container: systemctl exited with %d: %s", out.Code, bytes.TrimSpace(out.Stderr))
	}
	return context.Cause(ctx)
}

// tail passes on what is written, and remembers the end of it for an error.
type tail struct {
	to   io.Writer
	mu   sync.Mutex
	last []byte
}

const tailSize = 2 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.last = append(t.last, p...)
	t.last = t.last[max(0, len(t.last)-tailSize):]
	t.mu.Unlock()
	return t.to.Write(p)
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.last))
}
