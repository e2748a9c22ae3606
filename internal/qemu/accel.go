package qemu

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"slipway.dev/slipway/internal/exec"
)

// Accelerator is what runs a guest's instructions, and why it was chosen.
type Accelerator struct{ Name, Why string }

func (a Accelerator) String() string { return a.Name + " (" + a.Why + ")" }

const kvmDevice = "/dev/kvm"

// trialLimit is how long the trial may take. A processor that runs guests takes a
// twentieth of a second.
const trialLimit = 2 * time.Second

// accelerator is the one that is named, or else KVM if a guest really runs with it.
func (c Config) accelerator(ctx context.Context) (Accelerator, error) {
	if _, err := exec.LookPath(c.Program); err != nil {
		return Accelerator{}, qemuEnded(c.Program, exec.ErrNotFound)
	}
	if c.Accel != "" {
		return Accelerator{c.Accel, "as asked"}, nil
	}
	trials.Lock()
	defer trials.Unlock()
	if known, ok := trials.outcome[c.Program]; ok {
		return known, nil
	}
	chosen := tryKVM(ctx, c.Program)
	if ctx.Err() == nil { // else it says nothing of KVM
		trials.outcome[c.Program] = chosen
	}
	return chosen, context.Cause(ctx)
}

// trials are what was found out since this process began: the machine does not change.
var trials = struct {
	sync.Mutex
	outcome map[string]Accelerator
}{outcome: map[string]Accelerator{}}

// tryKVM boots a guest of its own. That the device opens proves nothing: on some
// machines it does, and guests stand still.
func tryKVM(ctx context.Context, program string) Accelerator {
	device, err := os.OpenFile(kvmDevice, os.O_RDWR, 0)
	if err != nil {
		return Accelerator{TCG, err.Error()}
	}
	_ = device.Close()
	took, err := trial(ctx, program, KVM)
	if err != nil {
		return Accelerator{TCG, "KVM's trial boot: " + err.Error()}
	}
	return Accelerator{KVM, fmt.Sprintf("a trial boot took %s", took.Round(time.Millisecond))}
}

//go:embed trial.bin
var trialProgram []byte

// The trial's exit code: isa-debug-exit doubles what is written, and adds one.
const trialPassed = 0x10<<1 | 1

// trial boots a firmware that does nothing but count in long mode.
func trial(ctx context.Context, program, accel string) (time.Duration, error) {
	folder, err := os.MkdirTemp("", "slipway-trial-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "firmware")
	if err := os.WriteFile(file, trialFirmware(), 0o600); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, trialLimit, fmt.Errorf("the guest did not end within %s", trialLimit))
	defer cancel()
	start := time.Now()
	err = exec.Run(ctx, exec.Cmd{Args: []string{
		program, "-nodefaults", "-no-user-config", "-display", "none", "-machine", Q35, "-accel", accel, "-m", "16",
		"-bios", file, "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
	}})
	if exec.ExitCode(err) == trialPassed {
		return time.Since(start), nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return 0, cause
	}
	if failed, ok := errors.AsType[*exec.Error](err); ok {
		return 0, fmt.Errorf("%w: %s", failed.Err, failed.Stderr)
	}
	return 0, errors.New("the guest ended in another way than it should")
}

// trialFirmware is the trial's program, with a jump to it where the processor begins.
func trialFirmware() []byte {
	const size, entry = 64 << 10, 64<<10 - 16
	const toBegin = 1<<16 - entry - 3 // from behind the jump, which is three bytes long
	firmware := make([]byte, size)
	copy(firmware, trialProgram)
	copy(firmware[entry:], []byte{0xe9, toBegin & 0xff, toBegin >> 8})
	return firmware
}
