// Package flowstep is what runs around the builds of a flow in a pod.
//
// All containers of a pod start at once. So each waits for the marks that Prow's
// entrypoint leaves when a container has ended, runs its build, and ends well only if
// every output is there: who waits for a mark never sees half an output. Outputs pass
// from one identity to the next through the store, where a record, created once, says
// which they are and from which they came.
package flowstep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/progress"
)

// Step is one build in its pod.
type Step struct {
	Wait
	Makes          []string // folders that must hold something when the build has ended
	Skip           string   // a file whose presence says that there is nothing to do
	Dir            string   // where the build works; empty is where it is
	Command        []string
	Stdout, Stderr io.Writer
}

// Wait is what is waited for.
type Wait struct {
	Logs     string        // the folder in which Prow's entrypoint marks that a container has ended
	After    []string      // containers
	Deadline time.Duration // for all of them
	Say      func(string)
}

// Run waits, runs the build and looks at what it made. The build has a grace to end
// in when ctx does.
func (s Step) Run(ctx context.Context) error {
	if err := s.All(ctx); err != nil {
		return err
	}
	if skip, err := exists(s.Skip); err != nil || skip {
		s.Say("there is nothing new to build from")
		return err
	}
	for _, folder := range s.Makes {
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return fmt.Errorf("make the folder of an output: %w", err)
		}
	}
	err := exec.Run(ctx, exec.Cmd{Args: s.Command, Dir: s.Dir, Stdout: s.Stdout, Stderr: s.Stderr, Grace: 10 * time.Second})
	if err != nil {
		return err
	}
	return s.made()
}

// made refuses an output that is not there: whoever waits for it would go on without.
func (s Step) made() error {
	var missing []error
	for _, folder := range s.Makes {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return fmt.Errorf("look at an output: %w", err)
		}
		if len(entries) == 0 {
			missing = append(missing, fmt.Errorf("the build ended well and left nothing in %s, which it declares as an output", folder))
		}
	}
	return errors.Join(missing...)
}

// All returns when every container has ended well, or as soon as one has not.
func (w Wait) All(ctx context.Context) error {
	if len(w.After) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, w.Deadline, fmt.Errorf("not done within %v", w.Deadline))
	defer cancel()
	defer progress.Watch(time.Minute, "waiting for "+strings.Join(w.After, ", "), w.Say)()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := w.look()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", strings.Join(w.After, ", "), context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// look reads the marks that are there.
func (w Wait) look() (done bool, err error) {
	done = true
	for _, container := range w.After {
		text, err := os.ReadFile(filepath.Join(w.Logs, container+"-marker.txt"))
		if os.IsNotExist(err) || err == nil && len(text) == 0 { // it is being written
			done = false
			continue
		}
		if err != nil {
			return false, fmt.Errorf("look whether %s has ended: %w", container, err)
		}
		code, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return false, fmt.Errorf("%s has left no exit code but %q", container, text)
		}
		if code != 0 {
			return false, fmt.Errorf("%s ended with exit code %d, so this was not started; its log says why", container, code)
		}
	}
	return done, nil
}

func exists(file string) (bool, error) {
	if file == "" {
		return false, nil
	}
	_, err := os.Stat(file)
	if os.IsNotExist(err) {
		return false, nil
	}
	return err == nil, err
}
