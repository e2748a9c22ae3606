package qemu

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/guest"
)

// answering is a guest agent that answers each request by script; "" is silence.
func answering(t *testing.T, script func(request string, arguments map[string]any) string) *agent {
	t.Helper()
	ends, err := newEnds()
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := ends.ours[0], ends.theirs[0]
	t.Cleanup(ends.close)
	go func() {
		in := bufio.NewScanner(theirs)
		for in.Scan() {
			var request struct {
				Execute   string
				Arguments map[string]any
			}
			_ = json.Unmarshal(bytes.TrimLeftFunc(in.Bytes(), func(r rune) bool { return r != '{' }), &request)
			if answer := script(request.Execute, request.Arguments); answer != "" {
				if _, err := theirs.Write([]byte(answer)); err != nil {
					return
				}
			}
		}
	}()
	return newAgent(ours)
}

func syncAnswer(arguments map[string]any) string {
	id, _ := json.Marshal(arguments["id"])
	return "\xff{\"return\": " + string(id) + "}\n"
}

// Whatever is on the line from before is skipped, and requests are matched with answers.
func TestAgentFindsItsPlace(t *testing.T) {
	a := answering(t, func(request string, arguments map[string]any) string {
		if request == "guest-sync-delimited" {
			return "half an answer}\n\xff{\"return\": 777}\n{\"return\": 1}\n" + syncAnswer(arguments)
		}
		return "{\"return\": {\"pid\": 5, \"exited\": true, \"exitcode\": 3, \"out-data\": \"aGk=\"}}\n"
	})
	if err := a.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, err := a.run(t.Context(), guest.Command{Args: []string{"x"}})
	if err != nil || out.Code != 3 || string(out.Stdout) != "hi" {
		t.Errorf("got %+v, %v", out, err)
	}
}

// What was asked and not answered is not taken for the answer to the next request.
func TestAgentAfterAnInterruption(t *testing.T) {
	late := make(chan struct{})
	a := answering(t, func(request string, arguments map[string]any) string {
		switch request {
		case "guest-sync-delimited":
			return syncAnswer(arguments)
		case "slow":
			<-late
			return "{\"return\": \"slow\"}\n"
		}
		return "{\"return\": \"" + request + "\"}\n"
	})
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(enough); close(late) })
	if err := a.call(ctx, "slow", nil, nil); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	var said string
	if err := a.call(t.Context(), "next", nil, &said); err != nil || said != "next" {
		t.Errorf("got %q, %v", said, err)
	}
}

// A guest may say anything.
func TestHostileAgent(t *testing.T) {
	tests := []struct{ name, answer, want string }{
		{"rubbish", "what?\n", "read what the guest agent says"},
		{"an error", "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no way\"}}\n", "the guest agent says: no way"},
		{"another type", "{\"return\": []}\n", "cannot unmarshal"},
		{"no base64", "{\"return\": {\"pid\": 1, \"exited\": true, \"out-data\": \"%%%\"}}\n", "illegal base64"},
		{"no such program", "{\"error\": {\"desc\": \"Failed to execute child process (No such file or directory)\"}}\n", guest.ErrNoProgram.Error()},
		{"no end", strings.Repeat("x", agentLine+200_000), "is longer than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := answering(t, func(request string, arguments map[string]any) string {
				if request == "guest-sync-delimited" {
					return syncAnswer(arguments)
				}
				return tt.answer
			})
			_, err := a.run(t.Context(), guest.Command{Args: []string{"x"}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// A guest that is reset forgets what it was asked: it is asked again.
func TestAgentIsAskedAgain(t *testing.T) {
	asked := 0
	a := answering(t, func(_ string, arguments map[string]any) string {
		if asked++; asked == 1 {
			return ""
		}
		return syncAnswer(arguments)
	})
	if err := a.wait(t.Context()); err != nil || asked != 2 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}
