package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// leavings are what a run leaves if it is killed.
type leavings struct {
	Pod     string
	Scratch string
}

// mark is a file that names a run's leavings, locked as long as its process lives.
type mark struct{ file *os.File }

// claim marks a run. The file gets its name only when it is whole and locked, so
// that nobody takes a run that begins for one that was killed.
func claim(folder string, of leavings) (*mark, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	text, err := json.Marshal(of)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(folder, ".*")
	if err != nil {
		return nil, err
	}
	if _, err = file.Write(text); err == nil {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX)
	}
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(folder, of.Pod))
	}
	if err != nil {
		file.Close()
		os.Remove(file.Name())
		return nil, err
	}
	return &mark{file}, nil
}

// release ends the claim. If the run could not clean up, the next one sees its mark.
func (m *mark) release() { m.file.Close() }

// sweep removes what runs left whose process is gone.
func (e *Podman) sweep(ctx context.Context, logs *Logs) error {
	entries, err := os.ReadDir(e.config.Runs)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for runs that were killed: %w", err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue // one that begins
		}
		if err := e.sweepOne(ctx, filepath.Join(e.config.Runs, entry.Name()), logs); err != nil {
			logs.Say("what a killed run left is still there: %v", err)
		}
	}
	return nil
}

func (e *Podman) sweepOne(ctx context.Context, path string, logs *Logs) error {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // its run has just ended
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil // its run goes on
	}
	var left leavings
	if text, err := io.ReadAll(file); err != nil || json.Unmarshal(text, &left) != nil || left.Pod != filepath.Base(path) {
		return fmt.Errorf("%s is no mark of a run; remove it", path)
	}
	if err := e.remove(ctx, left); err != nil {
		return err
	}
	logs.Say("removed pod %s, which a killed run had left", left.Pod)
	return nil
}

// remove removes a run's leavings, and last its mark.
func (e *Podman) remove(ctx context.Context, left leavings) error {
	ctx, cancel := calm(ctx)
	defer cancel()
	if err := e.podman.RemovePod(ctx, left.Pod); err != nil {
		return err
	}
	if left.Scratch != "" {
		if err := e.podman.RemoveAll(ctx, left.Scratch); err != nil {
			return fmt.Errorf("remove the pod's volumes: %w", err)
		}
	}
	return os.Remove(filepath.Join(e.config.Runs, left.Pod))
}
