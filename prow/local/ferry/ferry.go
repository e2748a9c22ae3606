// Package ferry carries folders between a pod on a cluster and the machine that
// started it.
//
// A cluster sees no folder of that machine. So the pod gets one more container,
// which starts before all others and ends after them, and folders travel over the
// standard streams of this program when it is started in there once more. What
// was cut short is never taken for whole: length and sum come last.
package ferry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// Where things lie in the ferry's container.
const (
	State   = "/ferry"       // a volume for what its processes tell each other
	Volumes = "/volumes"     // holds the volumes that are carried, by their names
	Program = "/ferry/ferry" // this program, for those who start it in the container
)

// The verbs of Run.
const (
	Hold    = "hold"    // the container's own process: keep the container until its content was taken
	Receive = "receive" // unpack standard input into the volumes
	Ready   = "ready"   // fail until something was received
	Send    = "send"    // when all other containers have ended, pack one volume to standard output
	End     = "end"     // take the others for ended, whether they have or not
	Release = "release" // let hold end
)

const (
	pollEvery = 20 * time.Millisecond
	// longest bounds every wait in the pod. The cluster ends the container earlier.
	longest = time.Hour
)

// Run is the program that the ferry's container runs. args is a verb, and for
// Send the name of a volume.
func Run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	return Far{State: State, Volumes: Volumes}.Run(ctx, args, in, out)
}

// Far is the side of the pod, with its folders, which a test has elsewhere.
type Far struct{ State, Volumes string }

// Run is one program in the ferry's container; see Run.
func (f Far) Run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	verb, rest := "", []string(nil)
	if len(args) > 0 {
		verb, rest = args[0], args[1:]
	}
	switch {
	case verb == Hold && len(rest) == 0:
		return f.hold(ctx)
	case verb == Receive && len(rest) == 0:
		return f.receive(in)
	case verb == Ready && len(rest) == 0:
		return f.has(loaded)
	case verb == Send && len(rest) == 1 && filepath.IsLocal(rest[0]):
		return f.send(ctx, rest[0], out)
	case verb == End && len(rest) == 0:
		return f.mark(ended)
	case verb == Release && len(rest) == 0:
		return f.mark(released)
	}
	return fmt.Errorf("ferry %q: call it with hold, receive, ready, send VOLUME, end or release", args)
}

// hold stays until the container is told to end, which Kubernetes does when all
// others have ended, and then until somebody has taken what they left.
func (f Far) hold(ctx context.Context) error {
	terminated, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return f.holdUntil(ctx, terminated)
}

func (f Far) holdUntil(ctx, terminated context.Context) error {
	if err := f.link(); err != nil {
		return err
	}
	<-terminated.Done()
	if err := f.mark(ended); err != nil {
		return err
	}
	return f.await(ctx, released)
}

// link makes the program reachable at a path that does not depend on the image.
func (f Far) link() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	path := filepath.Join(f.State, filepath.Base(Program))
	if err := os.Symlink(program, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (f Far) receive(in io.Reader) error {
	if err := Unpack(in, f.Volumes); err != nil {
		return err
	}
	return f.mark(loaded)
}

func (f Far) send(ctx context.Context, volume string, out io.Writer) error {
	if err := f.await(ctx, ended); err != nil {
		return err
	}
	return Pack(out, map[string]string{".": filepath.Join(f.Volumes, volume)})
}

// event is something that one process of the container tells the others.
type event string

const (
	loaded   event = "loaded"   // the volumes hold what was sent
	ended    event = "ended"    // all other containers have ended
	released event = "released" // what they left was taken
)

func (f Far) mark(e event) error {
	return os.WriteFile(filepath.Join(f.State, string(e)), nil, 0o644)
}

func (f Far) has(e event) error {
	_, err := os.Stat(filepath.Join(f.State, string(e)))
	return err
}

func (f Far) await(ctx context.Context, e event) error {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	for f.has(e) != nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until the pod is %s: %w", e, context.Cause(ctx))
		case <-time.After(pollEvery):
		}
	}
	return nil
}
