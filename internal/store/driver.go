package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// This file is what the drivers share.

// Settle decides a Create that found its key taken: the same bytes are success,
// others a *ConflictError.
func Settle(ctx context.Context, s Store, key string, body io.ReadSeeker) error {
	want, size, err := Digest(body)
	if err != nil {
		return fmt.Errorf("create %s: %w", key, err)
	}
	have, held, err := digestOf(ctx, s, key)
	if err != nil {
		return fmt.Errorf("create %s: compare with what is there: %w", key, err)
	}
	if have != want || held != size {
		return &ConflictError{Key: key, URL: s.URL(key), Have: have, Want: want}
	}
	return nil
}

func digestOf(ctx context.Context, s Store, key string) (string, int64, error) {
	body, err := s.Open(ctx, key)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = body.Close() }()
	return hashAll(body)
}

// Idle is how long a transfer may go without moving a byte. A transfer as a
// whole has no limit but its context's, since nobody knows how long a disk image
// takes on this line.
const Idle = 2 * time.Minute

// Bounded limits a request that carries little: it either answers soon or not at all.
func Bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, Idle, errSilent(Idle))
}

func errSilent(idle time.Duration) error {
	return fmt.Errorf("the store did not answer for %v: is it reachable?", idle)
}

// Because adds to err why ctx ended, where it did. It is asked before the
// context is cancelled for good order.
func Because(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || cause == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// Watchdog ends a context when nothing happens for too long.
type Watchdog struct {
	timer   *time.Timer
	idle    time.Duration
	cancel  context.CancelCauseFunc
	because func(error) error // Because, of the context
}

// Watch returns a context that ends, with a cause that says so, after idle
// without a call of Touch. Stop it when done.
func Watch(ctx context.Context, idle time.Duration) (context.Context, *Watchdog) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(idle, func() { cancel(errSilent(idle)) })
	return ctx, &Watchdog{timer: timer, idle: idle, cancel: cancel, because: func(err error) error { return Because(ctx, err) }}
}

// Touch says that something happened.
func (w *Watchdog) Touch() { w.timer.Reset(w.idle) }

// Rest is Touch by one who will wait for no answer until the next Touch.
func (w *Watchdog) Rest() { w.timer.Stop() }

// Stop ends the watch and the context.
func (w *Watchdog) Stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// Upload is body, touching w with each read: between the reads the driver waits
// for the network.
func (w *Watchdog) Upload(body io.ReadSeeker) io.ReadSeeker { return &upload{body, w} }

// Download is body, watched by w while it is read; closing it stops w.
func (w *Watchdog) Download(body io.ReadCloser) io.ReadCloser {
	w.Rest()
	return &download{body, w}
}

type upload struct {
	io.ReadSeeker
	watchdog *Watchdog
}

func (u *upload) Read(p []byte) (int, error) {
	u.watchdog.Touch()
	return u.ReadSeeker.Read(p)
}

type download struct {
	body     io.ReadCloser
	watchdog *Watchdog
}

func (d *download) Read(p []byte) (int, error) {
	d.watchdog.Touch()
	n, err := d.body.Read(p)
	d.watchdog.Rest()
	if err != nil && !errors.Is(err, io.EOF) {
		err = d.watchdog.because(err)
	}
	return n, err
}

func (d *download) Close() error {
	defer d.watchdog.Stop()
	return d.body.Close()
}
