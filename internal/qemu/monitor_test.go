package qemu

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// talkingTo is a monitor whose QEMU is played by script: it gets each line and may answer.
func talkingTo(t *testing.T, script func(line string, say func(string))) (*monitor, func()) {
	t.Helper()
	ends, err := newEnds()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ends.close)
	theirs, err := net.FileConn(ends.theirs[0])
	if err != nil {
		t.Fatal(err)
	}
	ends.closeTheirs()
	go func() {
		in := bufio.NewScanner(theirs)
		for in.Scan() {
			script(in.Text(), func(answer string) { _, _ = io.WriteString(theirs, answer+"\n") })
		}
	}()
	return newMonitor(ends.ours[0]), func() { _ = theirs.Close() }
}

// Answers find their command, in any order, with events in between.
func TestMonitor(t *testing.T) {
	m, hangUp := talkingTo(t, func(line string, say func(string)) {
		switch {
		case strings.Contains(line, "never"):
		case strings.Contains(line, "bad"):
			say(`{"event": "RESET", "data": {"guest": true}}`)
			say(`{"id": 2, "error": {"class": "GenericError", "desc": "no way"}}`)
		default:
			say(`{"id": 999, "return": "whose?"}`)
			say(`{"id": 3, "return": "good"}`)
		}
	})
	stopped := errors.New("stopped")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, stopped)
	defer cancel()
	if err := m.do(ctx, "never", nil, nil); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
	if err := m.do(t.Context(), "bad", nil, nil); err == nil || err.Error() != "bad: QEMU says: no way" {
		t.Errorf("got %v", err)
	}
	var said string
	if err := m.do(t.Context(), "good", map[string]int{"a": 1}, &said); err != nil || said != "good" {
		t.Errorf("got %q, %v", said, err)
	}
	if e := <-m.events; e.Name != "RESET" {
		t.Errorf("got event %q", e.Name)
	}
	hangUp()
	if _, more := <-m.events; more {
		t.Error("there are events of a QEMU that is gone")
	}
	if err := m.do(t.Context(), "good", nil, nil); err == nil {
		t.Error("a QEMU that is gone answers")
	}
}

func TestParseConnections(t *testing.T) {
	const table = "Hub -1 (net):\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\n" +
		"  TCP[HOST_FORWARD]  13       127.0.0.1 36743       10.0.2.15    80     0     0\n" +
		"  TCP[SYN_SENT]      14       127.0.0.1 36743       10.0.2.15    80     0     0\n" +
		"  UDP[236 sec]       15               * 68          255.255.255.255 67 0 0\n"
	got := parseConnections(table)
	if len(got) != 2 || got[0] != (connection{"HOST_FORWARD", 36743, 80}) || got[1].state != "SYN_SENT" {
		t.Errorf("got %+v", got)
	}
}

func TestDecodePPM(t *testing.T) {
	picture, err := decodePPM([]byte("P6\n2 1\n255\n\x01\x02\x03\xff\x00\x0a"))
	if err != nil || picture.Bounds().Dx() != 2 {
		t.Fatal(err)
	}
	if r, g, b, a := picture.At(1, 0).RGBA(); r>>8 != 255 || g != 0 || b>>8 != 10 || a>>8 != 255 {
		t.Errorf("got %v", picture.At(1, 0))
	}
	for _, bad := range []string{"", "P5\n1 1\n255\nx", "P6\n1 1\n65535\nxxxxxx", "P6\n-1 -1\n255\n", "P6\n2 2\n255\nx", "P6\n99999999 99999999\n255\nx"} {
		if _, err := decodePPM([]byte(bad)); err == nil {
			t.Errorf("%q is a picture", bad)
		}
	}
}
