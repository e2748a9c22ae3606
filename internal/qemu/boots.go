package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"slipway.dev/slipway/internal/guest"
)

// boots counts the guest's resets.
type boots struct {
	mu       sync.Mutex
	answered bool
	resets   int           // since the guest last answered, beyond one that was asked for
	next     chan struct{} // closed at the next reset
}

// begin says that the guest is about to boot; its answer is awaited. The channel is
// closed at its next reset, which does not count if it was asked for.
func (b *boots) begin(asked bool) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answered, b.resets = false, 0
	if asked {
		b.resets = -1
	}
	return b.next
}

func (b *boots) hasAnswered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answered = true
}

// reset counts a reset, and says how many there were since the guest should have answered.
func (b *boots) reset() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.next)
	b.next = make(chan struct{})
	if b.answered {
		return 0
	}
	b.resets++
	return b.resets
}

// nextReset is closed when the guest is next reset.
func (b *boots) nextReset() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next
}

// watch hears what QEMU tells of the guest, until QEMU ends.
func (m *Machine) watch() {
	for e := range m.monitor.events {
		switch e.Name {
		case "RESET":
			if resets := m.boots.reset(); resets > m.config.Resets {
				m.die(m.ended(rebooted(resets)))
			}
		case "GUEST_PANICKED":
			m.die(m.ended("panicked"))
		case "SHUTDOWN":
			var data struct {
				Guest  bool
				Reason string
			}
			if json.Unmarshal(e.Data, &data) == nil && data.Guest {
				m.die(m.ended(shutdownReason(data.Reason)))
			}
		case "MIGRATION":
			var data struct{ Status string }
			if json.Unmarshal(e.Data, &data) == nil {
				m.stateMoved(data.Status)
			}
		}
	}
}

func rebooted(times int) string {
	if times == 1 {
		return "rebooted before it answered"
	}
	return fmt.Sprintf("rebooted %d times before it answered", times)
}

func shutdownReason(reason string) string {
	if reason == "guest-panic" {
		return "panicked"
	}
	return "powered itself off"
}

// ended is the error of a guest that will not answer any more. Before it first answers,
// that is a failed boot.
func (m *Machine) ended(reason string) error {
	m.boots.mu.Lock()
	defer m.boots.mu.Unlock()
	if m.boots.answered {
		return errors.New("the guest " + reason)
	}
	return &guest.BootError{Reason: reason, Err: m.console.summary()}
}

// awaitAnswer returns when the guest answers, or will not.
func (m *Machine) awaitAnswer(ctx context.Context) error {
	ctx, done := m.during(ctx)
	defer done()
	late := errors.New("late")
	ctx, cancel := context.WithTimeoutCause(ctx, m.config.Boot, late)
	defer cancel()
	err := m.connect(ctx)
	cause := context.Cause(ctx)
	switch {
	case err == nil:
		m.boots.hasAnswered()
		return nil
	case errors.Is(cause, late):
		tried := strings.Join(m.config.ways(), " and ")
		return &guest.BootError{Reason: fmt.Sprintf("did not answer within %s by %s", m.config.Boot, tried), Err: m.console.summary()}
	case cause != nil:
		return cause
	}
	return err
}

// ways are how the guest may answer, in words.
func (c Config) ways() []string {
	switch c.Talk {
	case Agent:
		return []string{"its agent"}
	case SSH:
		return []string{"SSH"}
	}
	return []string{"its agent", "SSH"}
}

// Reboot asks the guest to reboot, and returns when its next boot answers.
func (m *Machine) Reboot(ctx context.Context) error {
	before, err := m.bootID(ctx)
	if err != nil {
		return fmt.Errorf("reboot the guest: %w", err)
	}
	if err := m.resetByGuest(ctx); err != nil {
		return fmt.Errorf("reboot the guest: %w", err)
	}
	if err := m.awaitAnswer(ctx); err != nil {
		return fmt.Errorf("reboot the guest: %w", err)
	}
	after, err := m.bootID(ctx)
	if err == nil && after == before {
		err = errors.New("it answers, and has not rebooted")
	}
	if err != nil {
		return fmt.Errorf("reboot the guest: %w", err)
	}
	return nil
}

// bootID is a word that is another one for each boot of the guest.
func (m *Machine) bootID(ctx context.Context) (string, error) {
	out, err := m.Run(ctx, guest.Command{Args: []string{"cat", "/proc/sys/kernel/random/boot_id"}})
	if err == nil && out.Code != 0 {
		err = fmt.Errorf("read its boot id: exit code %d: %s", out.Code, out.Stderr)
	}
	return string(out.Stdout), err
}

// resetByGuest returns when the guest has reset itself because it was told to.
func (m *Machine) resetByGuest(ctx context.Context) error {
	ctx, done := m.during(ctx)
	defer done()
	ctx, cancel := context.WithTimeoutCause(ctx, m.config.Boot, fmt.Errorf("it did not shut down within %s", m.config.Boot))
	reset := m.boots.begin(true)
	ordered := make(chan error, 1)
	var ordering sync.WaitGroup
	ordering.Go(func() { ordered <- m.orderReboot(ctx) })
	defer ordering.Wait()
	defer cancel()
	for {
		select {
		case <-reset:
			return nil
		case err := <-ordered:
			if err != nil {
				return err
			}
			ordered = nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// orderReboot runs the first program that the guest has for it. That the guest falls
// silent is what is wanted.
func (m *Machine) orderReboot(ctx context.Context) error {
	var err error
	for _, args := range [][]string{{"systemctl", "reboot"}, {"reboot"}} {
		var out guest.Output
		out, err = m.Run(ctx, guest.Command{Args: args})
		if errors.Is(err, guest.ErrNoProgram) {
			continue
		}
		if err == nil && out.Code != 0 && out.Code < 128 {
			return fmt.Errorf("%s: exit code %d: %s", strings.Join(args, " "), out.Code, out.Stderr)
		}
		return nil
	}
	return err
}

// stateMoved tells who waits for it how saving or loading the machine's state went.
func (m *Machine) stateMoved(status string) {
	var err error
	switch status {
	case "completed":
	case "failed", "cancelled":
		err = errors.New("QEMU says that it " + status)
	default:
		return
	}
	select {
	case m.moved <- err:
	default: // nobody waits
	}
}
