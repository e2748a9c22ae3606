package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"slipway.dev/slipway/internal/guest"
)

// oneReboot is how long the resets of one reboot may be apart. The kernel's reset leaves
// SeaBIOS in memory as it was while it ran, so SeaBIOS restores itself and resets again,
// by each means that it has until one works: two to five resets were seen, within 0.2 s.
const oneReboot = time.Second

// boots counts how often the guest rebooted.
type boots struct {
	mu       sync.Mutex
	answered bool
	last     time.Time     // when a reboot's first reset was; zero if the guest answered since
	count    int           // since the guest last answered, beyond one that was asked for
	next     chan struct{} // closed when it next reboots
}

// ask says that the guest is told to reboot; its answer is awaited. The channel is
// closed when it does, which does not count.
func (b *boots) ask() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answered, b.count, b.last = false, -1, time.Time{}
	return b.next
}

func (b *boots) hasAnswered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answered, b.last = true, time.Time{}
}

// reset tells of a reset, and says how many reboots there were since the guest should
// have answered.
func (b *boots) reset(at time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at.Sub(b.last) >= oneReboot {
		b.last = at
		close(b.next)
		b.next = make(chan struct{})
		b.count++
	}
	if b.answered {
		return 0
	}
	return b.count
}

// nextReset is closed when the guest next reboots.
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
			m.wasReset(e)
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

// wasReset counts a reset that the guest made itself.
func (m *Machine) wasReset(e event) {
	var data struct{ Guest bool }
	if json.Unmarshal(e.Data, &data) != nil || !data.Guest {
		return
	}
	if times := m.boots.reset(e.Time.time()); times > m.config.Resets {
		m.die(m.ended(rebooted(times)))
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
	reset := m.boots.ask()
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
