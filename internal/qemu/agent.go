package qemu

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"slipway.dev/slipway/internal/guest"
)

// agent speaks with the guest agent. The guest is not to be trusted: what it says is
// bounded, and may be anything.
type agent struct {
	conn   net.Conn
	in     *bufio.Reader
	turn   chan struct{} // holds one token: who has it speaks
	synced bool          // every request so far has its answer
	last   int
}

const (
	syncMark    = 0xff
	syncEvery   = 2 * time.Second // between attempts
	agentAnswer = 20 * time.Second
	// agentLine is how long an answer may be: the agent keeps 16 MiB of each output.
	agentLine = 48 * mebibyte

	firstLook, longestLook = 4 * time.Millisecond, 250 * time.Millisecond
)

func newAgent(conn net.Conn) *agent {
	a := &agent{conn: conn, in: bufio.NewReaderSize(conn, 64<<10), turn: make(chan struct{}, 1)}
	a.turn <- struct{}{}
	return a
}

// agentError is what the agent answers instead of a result.
type agentError struct{ Class, Desc string }

func (e *agentError) Error() string { return "the guest agent says: " + e.Desc }

// wait returns when the agent answers. A request waits in QEMU until the guest opens
// its end, so the first one mostly is enough.
func (a *agent) wait(ctx context.Context) error {
	return a.exclusively(ctx, a.sync)
}

// exclusively runs speak when nobody else speaks. If ctx ends in between, the next one
// has to find out where in the conversation the agent is.
func (a *agent) exclusively(ctx context.Context, speak func(context.Context) error) error {
	select {
	case <-a.turn:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { a.turn <- struct{}{} }()
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = a.conn.SetDeadline(time.Unix(1, 0))
		close(interrupted)
	})
	err := speak(ctx)
	if !stop() {
		<-interrupted
		a.synced = false
		err = context.Cause(ctx) // the connection only says that its deadline is over
	}
	if resetErr := a.conn.SetDeadline(time.Time{}); err == nil {
		err = resetErr
	}
	return err
}

// sync asks for a number until it comes back: all that was before is then read.
func (a *agent) sync(ctx context.Context) error {
	for {
		a.last++
		request, err := json.Marshal(map[string]any{"execute": "guest-sync-delimited", "arguments": map[string]int{"id": a.last}})
		if err != nil {
			return err
		}
		until := time.Now().Add(syncEvery)
		if err := a.until(ctx, until); err != nil {
			return err
		}
		if _, err = a.conn.Write(append(append([]byte{syncMark}, request...), '\n')); err == nil {
			err = a.readSync()
		}
		if err == nil {
			a.synced = true
			return a.until(ctx, time.Time{})
		}
		var timeout net.Error
		if ctx.Err() != nil || !errors.As(err, &timeout) || !timeout.Timeout() {
			return fmt.Errorf("wait for the guest agent: %w", err)
		}
	}
}

// until sets the deadline of what follows, unless ctx has ended: that has its own.
func (a *agent) until(ctx context.Context, deadline time.Time) error {
	err := a.conn.SetDeadline(deadline)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// readSync reads up to the answer to the last number.
func (a *agent) readSync() error {
	for {
		line, err := a.readLine()
		if err != nil {
			return err
		}
		var answer struct{ Return int }
		if i := bytes.LastIndexByte(line, syncMark); i >= 0 && json.Unmarshal(line[i+1:], &answer) == nil && answer.Return == a.last {
			return nil
		}
	}
}

func (a *agent) readLine() ([]byte, error) {
	var line []byte
	for {
		part, err := a.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case len(line) > agentLine:
			return nil, fmt.Errorf("an answer of the guest agent is longer than %d bytes", agentLine)
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// call asks the agent for one thing.
func (a *agent) call(ctx context.Context, command string, arguments, result any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, agentAnswer, fmt.Errorf("the guest agent did not answer within %s", agentAnswer))
	defer cancel()
	err := a.exclusively(ctx, func(ctx context.Context) error {
		if !a.synced {
			if err := a.sync(ctx); err != nil {
				return err
			}
		}
		return a.exchange(command, arguments, result)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return nil
}

func (a *agent) exchange(command string, arguments, result any) error {
	message := map[string]any{"execute": command}
	if arguments != nil {
		message["arguments"] = arguments
	}
	request, err := json.Marshal(message)
	if err != nil {
		return err
	}
	a.synced = false
	if _, err := a.conn.Write(append(request, '\n')); err != nil {
		return err
	}
	line, err := a.readLine()
	if err != nil {
		return err
	}
	var answer struct {
		Return json.RawMessage
		Error  *agentError
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return fmt.Errorf("read what the guest agent says: %w", err)
	}
	a.synced = true
	switch {
	case answer.Error != nil:
		return answer.Error
	case result == nil:
		return nil
	}
	return json.Unmarshal(answer.Return, result)
}

// execStatus is how a program in the guest is doing.
type execStatus struct {
	Exited   bool   `json:"exited"`
	ExitCode int    `json:"exitcode"`
	Signal   int    `json:"signal"`
	Out      []byte `json:"out-data"`
	Err      []byte `json:"err-data"`
}

// run runs a program, and ends it if ctx ends first.
func (a *agent) run(ctx context.Context, c guest.Command) (guest.Output, error) {
	request := map[string]any{"path": c.Args[0], "arg": c.Args[1:], "capture-output": true}
	if c.Stdin != nil {
		request["input-data"] = c.Stdin
	}
	var started struct{ PID int }
	if err := a.call(ctx, "guest-exec", request, &started); err != nil {
		if e, ok := errors.AsType[*agentError](err); ok && strings.Contains(e.Desc, "No such file or directory") {
			return guest.Output{}, fmt.Errorf("run %s: %w", c.Args[0], guest.ErrNoProgram)
		}
		return guest.Output{}, err
	}
	status, err := a.ended(ctx, started.PID)
	if err != nil {
		a.kill(context.WithoutCancel(ctx), started.PID)
		return guest.Output{}, err
	}
	out := guest.Output{Code: status.ExitCode, Stdout: head(status.Out), Stderr: head(status.Err)}
	if status.Signal != 0 {
		out.Code = 128 + status.Signal
	}
	return out, nil
}

// ended looks, less and less often, until the program has ended.
func (a *agent) ended(ctx context.Context, pid int) (execStatus, error) {
	for wait := firstLook; ; wait = min(wait*3/2, longestLook) {
		var status execStatus
		if err := a.call(ctx, "guest-exec-status", map[string]int{"pid": pid}, &status); err != nil || status.Exited {
			return status, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return status, context.Cause(ctx)
		}
	}
}

// kill ends a program that nobody waits for any more. A guest that does not do it any
// more has worse troubles, which others report.
func (a *agent) kill(ctx context.Context, pid int) {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = a.call(ctx, "guest-exec", map[string]any{"path": "kill", "arg": []string{"-9", fmt.Sprint(pid)}}, nil)
}

// head is the part of an output that is kept.
func head(out []byte) []byte { return out[:min(len(out), guest.MaxOutput)] }
