// Package guest is an operating system under test, as tests see it.
//
// A virtual machine and a container are looked at by the same checks, so a test plan
// says what is expected of a guest and nothing of what runs it. What runs it is behind
// these interfaces: internal/qemu for machines, internal/container for containers.
package guest

import (
	"context"
	"errors"
	"io"
	"net"
)

// Guest is a running operating system.
type Guest interface {
	// Run runs a program in the guest as root and waits for its end. A program that
	// ran and failed is no error; the error says that the guest did not answer, or
	// has no such program (ErrNoProgram).
	Run(ctx context.Context, c Command) (Output, error)

	// Dial connects to a TCP port of the guest from outside of it.
	Dial(ctx context.Context, port int) (net.Conn, error)
}

// Command is a program to run in a guest. Args[0] is found in the guest's PATH.
type Command struct {
	Args  []string
	Stdin []byte
}

// Output is how a program ended. Standard output and error hold at most MaxOutput bytes each.
type Output struct {
	Code           int // its exit code; 128 + N if signal N ended it
	Stdout, Stderr []byte
}

// MaxOutput is how much of what a program prints is kept, in bytes: the beginning.
const MaxOutput = 1 << 20

// Machine is a guest that this process started and ends.
type Machine interface {
	Guest

	// Reboot lets the guest reboot, and returns when the new boot answers.
	Reboot(ctx context.Context) error

	// Screenshot writes what the guest's screen shows into file, as PNG. A guest
	// without a screen is an ErrUnsupported.
	Screenshot(ctx context.Context, file string) error

	// Command is the command with which a person starts the same guest by hand.
	Command() []string

	// Close ends the guest and removes all that it had on this machine: processes,
	// ports, mounts, files. It may be called again.
	Close() error
}

// Starter starts a guest and returns it when it answers. Everything that the guest
// prints on its console goes to console from the first byte on; its writes are never
// at the same time. If ctx ends, its cause is part of the error and nothing is left.
type Starter interface {
	Start(ctx context.Context, console io.Writer) (Machine, error)
}

// Snapshotter is a machine whose state can be kept. A snapshot holds the machine as it
// is: once taken, the machine is closed, and each restored machine goes on from there
// without changing the snapshot.
type Snapshotter interface {
	Snapshot(ctx context.Context) (Snapshot, error)
}

// Snapshot is the state of a machine, from which any number of machines start. It is a Starter.
type Snapshot interface {
	Starter
	Memory() int64 // bytes that each restored machine takes
	Close() error  // removes the state
}

var (
	// ErrUnsupported is what a kind of guest cannot do.
	ErrUnsupported = errors.New("this kind of guest cannot do it")
	// ErrNoProgram is a program that the guest does not have.
	ErrNoProgram = errors.New("the guest has no such program")
)

// BootError is a guest that started and never got to answer, for a reason of its own:
// its image is at fault, and not this machine. It is a failed test, and evidence.
type BootError struct {
	Reason string // as in "panicked", "rebooted 3 times before it answered", "did not answer within 2m0s"
	Err    error  // may be nil
}

func (e *BootError) Error() string {
	if e.Err != nil {
		return "the guest " + e.Reason + ": " + e.Err.Error()
	}
	return "the guest " + e.Reason
}

func (e *BootError) Unwrap() error { return e.Err }
