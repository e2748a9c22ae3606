package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// answerWithin is how long QEMU may take to answer a command.
const answerWithin = 30 * time.Second

// monitor speaks QMP with QEMU. Commands may be given side by side.
type monitor struct {
	conn   *net.UnixConn
	events chan event // what QEMU tells by itself; closed when it ends

	mu      sync.Mutex
	last    int
	pending map[int]chan reply // nil once QEMU is gone
}

type event struct {
	Name string          `json:"event"`
	Data json.RawMessage `json:"data"`
	Time timestamp       `json:"timestamp"`
}

// timestamp is when something happened, as QEMU says it.
type timestamp struct{ Seconds, Microseconds int64 }

func (t timestamp) time() time.Time { return time.Unix(t.Seconds, t.Microseconds*1000) }

type reply struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	ID int `json:"id"`
}

var errMonitorClosed = errors.New("QEMU is gone")

// eventRoom is how many events may wait for their reader, who never waits for QEMU.
const eventRoom = 256

func newMonitor(conn *net.UnixConn) *monitor {
	m := &monitor{conn: conn, events: make(chan event, eventRoom), pending: map[int]chan reply{}}
	go m.read()
	return m
}

// read passes on what QEMU says until it ends.
func (m *monitor) read() {
	defer m.end()
	decoder := json.NewDecoder(m.conn)
	for {
		var line struct {
			event
			reply
		}
		if err := decoder.Decode(&line); err != nil {
			return
		}
		switch {
		case line.Name != "":
			m.events <- line.event
		case line.Return != nil || line.Error != nil:
			m.answer(line.reply)
		}
	}
}

func (m *monitor) answer(r reply) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if waiting, ok := m.pending[r.ID]; ok { // else its command's deadline is over
		waiting <- r
		delete(m.pending, r.ID)
	}
}

func (m *monitor) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, waiting := range m.pending {
		close(waiting)
	}
	m.pending = nil
	close(m.events)
}

// do gives a command and reads what it returns into result, unless that is nil. The
// files travel with the command.
func (m *monitor) do(ctx context.Context, command string, arguments, result any, files ...*os.File) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin, fmt.Errorf("QEMU did not answer within %s", answerWithin))
	defer cancel()
	id, waiting := m.register()
	if waiting == nil {
		return fmt.Errorf("%s: %w", command, errMonitorClosed)
	}
	defer m.forget(id)
	if err := m.send(ctx, command, arguments, id, files); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	select {
	case r, ok := <-waiting:
		switch {
		case !ok:
			return fmt.Errorf("%s: %w", command, errMonitorClosed)
		case r.Error != nil:
			return fmt.Errorf("%s: QEMU says: %s", command, r.Error.Desc)
		case result == nil:
			return nil
		}
		return json.Unmarshal(r.Return, result)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", command, context.Cause(ctx))
	}
}

func (m *monitor) register() (int, chan reply) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pending == nil {
		return 0, nil
	}
	m.last++
	waiting := make(chan reply, 1)
	m.pending[m.last] = waiting
	return m.last, waiting
}

func (m *monitor) forget(id int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.pending, id)
}

func (m *monitor) send(ctx context.Context, command string, arguments any, id int, files []*os.File) error {
	message := map[string]any{"execute": command, "id": id}
	if arguments != nil {
		message["arguments"] = arguments
	}
	line, err := json.Marshal(message)
	if err != nil {
		return err
	}
	var rights []byte
	for _, f := range files {
		rights = append(rights, unix.UnixRights(int(f.Fd()))...)
	}
	deadline, _ := ctx.Deadline()
	if err := m.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	_, _, err = m.conn.WriteMsgUnix(append(line, '\n'), rights, nil)
	return err
}

// human gives a command of QEMU's monitor for people. Its words are the answer; there
// is none if all is well, but for commands that show something.
func (m *monitor) human(ctx context.Context, line string) (string, error) {
	var said string
	err := m.do(ctx, "human-monitor-command", map[string]string{"command-line": line}, &said)
	return strings.ReplaceAll(said, "\r\n", "\n"), err
}
