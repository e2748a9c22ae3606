// Package filelock lets one process at a time make something.
//
// A lock ends with the process that holds it, however that ends, so nothing is ever
// left locked. It is on a file's content, not its existence: the file stays.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// ErrHeld is a lock that another process holds.
var ErrHeld = errors.New("another process holds the lock")

// Try locks a file or folder, which must exist, until it is closed. ErrHeld if
// another process has it.
func Try(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := try(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func try(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrHeld
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		}
	}
}

// Waiter waits for a lock.
type Waiter struct {
	For   string        // what the holder makes: "image git"
	Limit time.Duration // how long to wait
	Say   func(string)  // told now and then who is waited for
}

const (
	tellEvery = 15 * time.Second
	askEvery  = 50 * time.Millisecond
)

// Lock locks the file at path, which it makes if it is not there, as soon as nobody
// else has it.
func (w Waiter) Lock(ctx context.Context, path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lock %s: %w", w.For, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", w.For, err)
	}
	if err := w.wait(ctx, f); err != nil {
		_ = f.Close()
		return nil, err
	}
	_ = f.Truncate(0) // the pid is only for people who wait
	_, _ = f.WriteAt(fmt.Appendf(nil, "%d", os.Getpid()), 0)
	return func() { _ = f.Close() }, nil
}

func (w Waiter) wait(ctx context.Context, f *os.File) error {
	deadline := time.Now().Add(w.Limit)
	var told time.Time
	for {
		err := try(f)
		if !errors.Is(err, ErrHeld) {
			return err
		}
		if time.Since(told) >= tellEvery {
			w.Say(fmt.Sprintf("waiting for %s made by pid %s", w.For, holder(f)))
			told = time.Now()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %v for %s made by pid %s; end that process if it hangs", w.Limit, w.For, holder(f))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", w.For, context.Cause(ctx))
		case <-time.After(askEvery):
		}
	}
}

// holder is the process that last got the lock.
func holder(f *os.File) string {
	data := make([]byte, 20)
	n, _ := f.ReadAt(data, 0)
	return string(data[:n])
}
