package qemu

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/crypto/ssh"

	"slipway.dev/slipway/internal/guest"
)

// line is how the guest of this boot is talked to.
type line struct {
	mu      sync.Mutex
	reset   <-chan struct{} // closed when the boot is over, and the line with it
	byAgent bool
	client  *ssh.Client
	stop    context.CancelFunc // ends the attempts that still go on
	tries   sync.WaitGroup
}

// hangUp ends all talk. It may be called at any time.
func (l *line) hangUp() {
	l.mu.Lock()
	stop := l.stop
	l.stop = nil
	l.mu.Unlock()
	if stop != nil {
		stop()
	}
	l.tries.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.client != nil {
		_ = l.client.Close()
	}
	l.client, l.byAgent, l.reset = nil, false, nil
}

// open says whether the guest was reached since its last reset.
func (l *line) open() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reset == nil || !l.byAgent && l.client == nil {
		return false
	}
	select {
	case <-l.reset:
		return false
	default:
		return true
	}
}

// connect returns when the guest answers one way. The agent may still take over later,
// because it is the quicker way; SSH is no longer tried once the agent is there.
func (m *Machine) connect(ctx context.Context) error {
	m.line.hangUp()
	search, stop := context.WithCancel(m.life)
	withoutAgent, agentThere := context.WithCancel(search)
	l := &m.line
	l.mu.Lock()
	l.stop, l.reset = func() { agentThere(); stop() }, m.boots.nextReset()
	l.mu.Unlock()
	answers, tries := make(chan error, 2), 0
	if m.config.Talk != SSH {
		tries++
		l.tries.Go(func() {
			err := m.agent.wait(search)
			if err == nil {
				l.mu.Lock()
				l.byAgent = true
				l.mu.Unlock()
				agentThere()
			}
			answers <- err
		})
	}
	if m.config.Talk != Agent {
		tries++
		l.tries.Go(func() {
			client, err := m.dialSSH(withoutAgent)
			if err == nil {
				l.mu.Lock()
				l.client = client
				l.mu.Unlock()
			}
			answers <- err
		})
	}
	err := firstGood(ctx, answers, tries)
	if err != nil {
		m.line.hangUp()
	}
	return err
}

// firstGood returns when one of so many answers is good, or all are bad.
func firstGood(ctx context.Context, answers <-chan error, count int) error {
	var errs []error
	for range count {
		select {
		case err := <-answers:
			if err == nil {
				return nil
			}
			errs = append(errs, err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return errors.Join(errs...)
}

var errReset = errors.New("the guest rebooted meanwhile")

// talk runs a program by the best way that there is, and first finds one if the guest
// was reset. The guest's reset ends it.
func (m *Machine) talk(ctx context.Context, c guest.Command) (guest.Output, error) {
	if !m.line.open() {
		if err := m.connect(ctx); err != nil {
			return guest.Output{}, err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var listening sync.WaitGroup
	defer listening.Wait()
	defer cancel(nil)
	m.line.mu.Lock()
	byAgent, client, reset := m.line.byAgent, m.line.client, m.line.reset
	m.line.mu.Unlock()
	listening.Go(func() {
		select {
		case <-reset:
			cancel(errReset)
		case <-ctx.Done():
		}
	})
	if byAgent {
		return m.agent.run(ctx, c)
	}
	return overSSH(ctx, client, c)
}
