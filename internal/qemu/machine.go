package qemu

import (
	"context"
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"slipway.dev/slipway/internal/guest"
)

// Machine is a running virtual machine.
type Machine struct {
	config   Config
	accel    Accelerator
	identity *identity
	host     hostKey
	restored bool

	life context.Context         // ends, with its cause, when the guest will never answer again
	die  context.CancelCauseFunc // QEMU itself stays, for its screen, until Close

	running context.Context // QEMU's
	kill    context.CancelFunc
	ends    *ends

	monitor *monitor
	agent   *agent
	console *console
	boots   boots
	ports   sync.Mutex // held while forwarded ports change
	line    line
	moved   chan error // how the machine's state was saved or loaded

	memory   *os.File // what the guest's memory is, shared with snapshots
	overlays []string
	seedFile string
	folder   string
	remove   func() // removes the folder

	closing sync.Once
	around  sync.WaitGroup // goroutines that end with QEMU
}

// Run runs a program in the guest, by its agent if it has one, else over SSH.
func (m *Machine) Run(ctx context.Context, c guest.Command) (guest.Output, error) {
	if len(c.Args) == 0 {
		return guest.Output{}, errors.New("run a program in the guest: none is named")
	}
	ctx, cancel := m.during(ctx)
	defer cancel()
	return m.talk(ctx, c)
}

// during bounds ctx by the guest's life.
func (m *Machine) during(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(m.life, func() { cancel(context.Cause(m.life)) })
	return ctx, func() { stop(); cancel(nil) }
}

// Command is QEMU's command for a person: it starts the same guest with its console on
// the terminal, where C-a c leads to QEMU's monitor and C-a x ends it.
func (m *Machine) Command() []string { return m.config.Args(Runtime{Accel: m.accel.Name}) }

// Accelerator says what the machine runs on, and why.
func (m *Machine) Accelerator() Accelerator { return m.accel }

// Login is the command with which a person logs in over SSH while the machine runs.
func (m *Machine) Login(ctx context.Context) ([]string, error) {
	port, err := m.Forward(ctx, sshGuestPort)
	if err != nil {
		return nil, err
	}
	key, err := m.identity.private()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(m.folder, "key")
	if err := os.WriteFile(file, key, 0o600); err != nil {
		return nil, fmt.Errorf("write the guest's key: %w", err)
	}
	return []string{
		"ssh", "-i", file, "-p", strconv.Itoa(port), "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", m.identity.user + "@127.0.0.1",
	}, nil
}

// Screenshot writes what the guest's screen shows into file.
func (m *Machine) Screenshot(ctx context.Context, file string) error {
	if m.config.Machine == MicroVM {
		return fmt.Errorf("take a screenshot: %w: a microvm has no screen", guest.ErrUnsupported)
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return fmt.Errorf("take a screenshot: %w", err)
	}
	err = m.monitor.do(ctx, "screendump", map[string]string{"filename": file, "format": "png"}, nil)
	if err != nil && strings.Contains(err.Error(), "format") { // a QEMU that was built without PNG
		err = m.convertedScreenshot(ctx, file)
	}
	if err != nil {
		return fmt.Errorf("take a screenshot: %w", err)
	}
	return nil
}

func (m *Machine) convertedScreenshot(ctx context.Context, file string) error {
	ppm := filepath.Join(m.folder, "screen.ppm")
	if err := m.monitor.do(ctx, "screendump", map[string]string{"filename": ppm}, nil); err != nil {
		return err
	}
	data, err := os.ReadFile(ppm)
	if err != nil {
		return err
	}
	picture, err := decodePPM(data)
	if err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(out, picture), out.Close())
}

// Close ends the machine and removes all that it had. It returns when nothing is left.
func (m *Machine) Close() error {
	m.closing.Do(func() {
		m.end()
		_ = m.memory.Close() // it is no file of anybody's disk
		m.remove()
	})
	return nil
}

var errClosed = errors.New("the machine is closed")

// end ends QEMU and all that goes on around it.
func (m *Machine) end() {
	m.die(errClosed)
	m.line.hangUp()
	m.kill() // what it had on its disks is not wanted any more
	m.around.Wait()
	if m.ends != nil {
		m.ends.close()
	}
}
