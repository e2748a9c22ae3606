package store_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/store"
)

// TestWatch ends what does not move, and leaves alone what does.
func TestWatch(t *testing.T) {
	ctx, silent := store.Watch(t.Context(), 20*time.Millisecond)
	defer silent.Stop()
	busyCtx, busy := store.Watch(t.Context(), time.Second)
	defer busy.Stop()
	for range 5 {
		time.Sleep(10 * time.Millisecond)
		busy.Touch()
	}
	if err := context.Cause(ctx); err == nil || !strings.Contains(err.Error(), "did not answer") {
		t.Errorf("silent for too long: got cause %v, want one that says so", err)
	}
	if err := busyCtx.Err(); err != nil {
		t.Errorf("busy: got %v", err)
	}
}

// TestDownloadAtRest is a reader who does something else for longer than a server may.
func TestDownloadAtRest(t *testing.T) {
	const idle = 20 * time.Millisecond
	ctx, watchdog := store.Watch(t.Context(), idle)
	body := watchdog.Download(io.NopCloser(strings.NewReader("content")))
	time.Sleep(3 * idle)
	data, err := io.ReadAll(body)
	if err != nil || string(data) != "content" || ctx.Err() != nil {
		t.Errorf("read %q, %v, context %v", data, err, ctx.Err())
	}
	if err := body.Close(); err != nil || ctx.Err() == nil {
		t.Errorf("after close: %v, context %v; want it ended", err, ctx.Err())
	}
}

// TestDownloadStalls is a server that stops in the middle.
func TestDownloadStalls(t *testing.T) {
	ctx, watchdog := store.Watch(t.Context(), 20*time.Millisecond)
	_, err := watchdog.Download(stalled{ctx}).Read(make([]byte, 1))
	if err == nil || !strings.Contains(err.Error(), "did not answer") {
		t.Errorf("got error %v, want one that says that the server did not answer", err)
	}
}

// stalled blocks until its context ends, as a connection does.
type stalled struct{ ctx context.Context }

func (s stalled) Read([]byte) (int, error) { <-s.ctx.Done(); return 0, s.ctx.Err() }
func (s stalled) Close() error             { return nil }

func TestBecause(t *testing.T) {
	refused := errors.New("connection refused")
	if err := store.Because(t.Context(), refused); err != refused {
		t.Errorf("context alive: got %v, want %v", err, refused)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	err := store.Because(ctx, refused)
	if !errors.Is(err, refused) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("context over: got %v, want both causes", err)
	}
}

// FuzzCheckKey looks for a key that passes and yet is no plain path downwards.
func FuzzCheckKey(f *testing.F) {
	for _, key := range []string{"releases/a/release.json", "..", "a/../b", "/a", "a//b", ".tmp/a", "a\x00", "a/./b", "é"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if store.CheckKey(key) != nil {
			return
		}
		if key[0] == '.' || key[0] == '/' || strings.ContainsAny(key, "\x00\n") || strings.Contains("/"+key+"/", "/../") || strings.Contains(key+"/", "//") {
			t.Errorf("key %q passes", key)
		}
	})
}
