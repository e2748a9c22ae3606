package qemu

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
)

// A guest that prints without end costs no memory: one piece at a time is held.
func TestConsoleOfAGigabyte(t *testing.T) {
	const size = 1 << 30
	ours, theirs := net.Pipe()
	go func() {
		line := []byte(strings.Repeat("flood ", 10_000) + "\n")
		for sent := 0; sent < size; sent += len(line) {
			_, _ = theirs.Write(line)
		}
		_, _ = io.WriteString(theirs, "the end\r\n\x1b[0m\r\n")
		theirs.Close()
	}()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var count counter
	c := &console{to: &count}
	if err := c.copy(ours); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if count < size {
		t.Errorf("%d bytes arrived", count)
	}
	if grown := int64(after.TotalAlloc - before.TotalAlloc); grown > 8*mebibyte {
		t.Errorf("%d bytes were allocated on the way", grown)
	}
	if said := c.summary().Error(); !strings.Contains(said, `at last "[0m"`) {
		t.Errorf("got %q", said)
	}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// While the writer is busy the guest waits: nothing piles up here.
func TestConsoleWaitsForItsWriter(t *testing.T) {
	ours, theirs := net.Pipe()
	busy, release := make(chan struct{}, 100), make(chan struct{})
	c := &console{to: writerFunc(func(p []byte) (int, error) { busy <- struct{}{}; <-release; return len(p), nil })}
	done := make(chan error, 1)
	go func() { done <- c.copy(ours) }()
	_, _ = io.WriteString(theirs, "one")
	<-busy
	wrote := make(chan struct{})
	go func() { _, _ = io.WriteString(theirs, "two"); close(wrote) }()
	select {
	case <-wrote:
		t.Error("the guest went on")
	default:
	}
	close(release)
	<-wrote
	theirs.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

func TestConsoleErrors(t *testing.T) {
	full := errors.New("full")
	c := &console{to: writerFunc(func([]byte) (int, error) { return 0, full })}
	if err := c.copy(strings.NewReader("x")); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if got := (&console{}).summary().Error(); got != "its console printed nothing" {
		t.Errorf("got %q", got)
	}
	c = &console{to: io.Discard}
	if err := c.copy(bytes.NewReader([]byte("a\xff\xfeb\x00\x07\n\n"))); err != nil {
		t.Error(err)
	}
	if got, want := c.summary().Error(), `its console printed 8 bytes, at last "ab"`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
