// Package pairing starts a guest's container in the virtual machine that it meets in earnest.
//
// A pairing is one container and one virtual machine, each what a channel holds: both
// live, or both staging. The container's root is a disk of the machine that is only read;
// what the container writes is in the machine's memory. How a machine runs containers is
// its own affair, so that is data: argv, without a shell. A pair is a guest.Machine, and
// a machine or a container that does not start is a failed boot, and says which it was.
package pairing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"slipway.dev/slipway/internal/guest"
)

// Serial is the serial number of the disk with the container's root, an ext4 file system.
const Serial = "slipway-container"

// Starter starts a pair: the machine first, and the container in it.
type Starter struct {
	VM   guest.Starter // with the disk of the container's root
	Way  Way
	Boot time.Duration    // until both have started
	Say  func(msg string) // progress
}

// Start returns when a program runs in the container. The console is the machine's.
func (s Starter) Start(ctx context.Context, console io.Writer) (guest.Machine, error) {
	began := time.Now()
	vm, err := s.VM.Start(ctx, console)
	if err != nil {
		return nil, withoutMachine(err)
	}
	took := time.Since(began).Round(time.Second)
	s.Say(fmt.Sprintf("the virtual machine answered after %s; start the container in it", took))
	m := &machine{vm: vm, way: s.Way, limit: s.Boot}
	late := fmt.Sprintf("did not start within %s, of which its virtual machine took %s", s.Boot, took)
	ctx, cancel := context.WithDeadlineCause(ctx, began.Add(s.Boot), lateError{late})
	defer cancel()
	if err := m.start(ctx); err != nil {
		return nil, errors.Join(err, vm.Close())
	}
	return m, nil
}

// withoutMachine says of a machine that did not boot that it was not the container.
func withoutMachine(err error) error {
	var boot *guest.BootError
	if errors.As(err, &boot) {
		return &guest.BootError{Reason: "has no virtual machine to run in", Err: boot}
	}
	return fmt.Errorf("start the virtual machine: %w", err)
}

// lateError is the cause of the end of a wait for the container.
type lateError struct{ reason string }

func (e lateError) Error() string { return "the container " + e.reason }

// ended is why a wait for the container ended: the container's fault, if it is late.
func ended(ctx context.Context, doing string) error {
	var late lateError
	if cause := context.Cause(ctx); !errors.As(cause, &late) {
		return cause
	}
	return &guest.BootError{Reason: late.reason + ": " + doing}
}

// mountText mounts the container's root in the machine, and over it what the container
// writes. $1 is the disk's serial number, $2 a folder that is not there yet. The disk is
// looked for where the kernel names it, since not every guest has links to it.
const mountText = `device=
for file in /sys/block/*/serial; do
	if [ "$(cat "$file")" = "$1" ]; then device=${file#/sys/block/}; fi
done
if [ -z "$device" ]; then echo "there is no disk with the serial number $1" >&2; exit 1; fi
modprobe -q ext4 2>/dev/null || :
modprobe -q overlay 2>/dev/null || :
mkdir -p "$2"
mount -t tmpfs -o mode=0755 slipway "$2"
mkdir "$2/lower" "$2/upper" "$2/work" "$2/root"
mount -t ext4 -o ro "/dev/${device%/serial}" "$2/lower"
mount -t overlay -o "lowerdir=$2/lower,upperdir=$2/upper,workdir=$2/work" overlay "$2/root"`

// In the machine.
const (
	mounts = "/run/slipway-container"
	root   = mounts + "/root"
	name   = "slipway-container"
)

func (m *machine) start(ctx context.Context) error {
	mount := []string{"sh", "-euc", mountText, "mount", Serial, mounts}
	if err := m.step(ctx, "mount its root", mount); err != nil {
		return err
	}
	for _, args := range m.way.Start {
		args = m.fill(args)
		if err := m.step(ctx, strings.Join(args, " "), args); err != nil {
			return err
		}
	}
	return m.await(ctx, m.ready)
}

// step runs a program in the machine that has to succeed.
func (m *machine) step(ctx context.Context, what string, args []string) error {
	out, err := m.vm.Run(ctx, guest.Command{Args: args})
	switch {
	case err != nil && ctx.Err() != nil:
		return ended(ctx, what+" did not end")
	case err != nil:
		return &guest.BootError{Reason: "could not be started in its virtual machine: " + what, Err: err}
	case out.Code != 0:
		return &guest.BootError{Reason: fmt.Sprintf("could not be started in its virtual machine: %s exited with %d%s", what, out.Code, said(out))}
	}
	return nil
}

// said is the end of what a program printed.
func said(out guest.Output) string {
	text := strings.TrimSpace(strings.TrimSpace(string(out.Stdout)) + "\n" + strings.TrimSpace(string(out.Stderr)))
	const most = 500
	if text = text[max(0, len(text)-most):]; text == "" {
		return ""
	}
	return ": " + text
}

// Between two looks at a container that is not there yet.
const (
	firstLook = 20 * time.Millisecond
	lastLook  = time.Second
)

// await looks until there is nothing that is waited for any more.
func (m *machine) await(ctx context.Context, look func(ctx context.Context) (waits string)) error {
	last := "nothing in it answered"
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		waits := look(ctx)
		if waits == "" {
			return nil
		}
		if ctx.Err() == nil { // else it is of the end that it tells
			last = waits
		}
		select {
		case <-ctx.Done():
			return ended(ctx, last)
		case <-time.After(pause):
		}
	}
}
