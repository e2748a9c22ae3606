package qemu

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"slipway.dev/slipway/internal/guest"
)

// The resets of one reboot are one; what an answer or an order lies between are two.
func TestResetsOfOneReboot(t *testing.T) {
	began := time.Unix(1000, 0)
	b := &boots{next: make(chan struct{})}
	tests := []struct {
		after       time.Duration
		do          string
		count       int
		wakes       bool
		description string
	}{
		{0, "", 1, true, "the first"},
		{32 * time.Millisecond, "", 1, false, "the firmware's own"},
		{oneReboot - 1, "", 1, false, "the firmware's own, on a busy machine"},
		{oneReboot, "", 2, true, "the next boot's: not one without end"},
		{oneReboot + 10, "asked", 0, true, "asked for"},
		{oneReboot + 20, "", 0, false, "the firmware's own after it"},
		{3 * time.Second, "", 1, true, "one that nobody asked for"},
		{3*time.Second + 1, "answered", 0, true, "after an answer"},
	}
	for _, tt := range tests {
		switch tt.do {
		case "asked":
			b.ask()
		case "answered":
			b.hasAnswered()
		}
		next, woken := b.nextReset(), false
		count := b.reset(began.Add(tt.after))
		select {
		case <-next:
			woken = true
		default:
		}
		if count != tt.count || woken != tt.wakes {
			t.Errorf("%s: got %d, %t", tt.description, count, woken)
		}
	}
}

// A guest is not to blame for resets that it did not make.
func TestResetsByOthers(t *testing.T) {
	m := &Machine{config: Config{Resets: 1}, boots: boots{next: make(chan struct{})}, console: &console{}}
	var died error
	m.die = func(err error) { died = err }
	reset := func(text string) {
		var e event
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		m.wasReset(e)
	}
	for range 5 {
		reset(`{"event": "RESET", "timestamp": {"seconds": 1}, "data": {"guest": false, "reason": "host-qmp-system-reset"}}`)
	}
	reset(`{"event": "RESET", "timestamp": {"seconds": 10, "microseconds": 5}, "data": {"guest": true, "reason": "guest-reset"}}`)
	if died != nil {
		t.Errorf("it died: %v", died)
	}
	reset(`{"event": "RESET", "timestamp": {"seconds": 20}, "data": {"guest": true, "reason": "guest-reset"}}`)
	if b, ok := errors.AsType[*guest.BootError](died); !ok || b.Reason != "rebooted 2 times before it answered" {
		t.Errorf("got %v", died)
	}
}
