package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/promotecmd"
	"slipway.dev/slipway/internal/exec"
)

// slipway runs a command of ours, which must be done.
func slipway(args ...string) act {
	return func(ctx context.Context, s *stage) error {
		_, err := s.slipway(ctx, cli.ExitDone, inStore(args))
		return err
	}
}

// fails runs a command of ours, which must fail and give the reason.
func fails(reason string, args ...string) act {
	return func(ctx context.Context, s *stage) error {
		said, err := s.slipway(ctx, cli.ExitFailed, inStore(args))
		if err != nil {
			return err
		}
		return s.says(said, "exit code 1, and it says", reason)
	}
}

// shows runs a command of ours, which must be done and say something.
func shows(what string, args ...string) act {
	return func(ctx context.Context, s *stage) error {
		said, err := s.slipway(ctx, cli.ExitDone, inStore(args))
		if err != nil {
			return err
		}
		return s.says(said, "it says", what)
	}
}

// inStore adds where evidence and ledgers are kept.
func inStore(args []string) []string { return append(slices.Clone(args), "--store", "store") }

func (s *stage) says(said, intro, what string) error {
	expanded, err := s.expand(what)
	if err != nil {
		return err
	}
	if !strings.Contains(said, expanded[0]) {
		return fmt.Errorf("it does not say %q", expanded[0])
	}
	s.ok(1, "%s %q", intro, expanded[0])
	return nil
}

// planHash is in the first line that a plan is shown with. Later commands name it $plan.
var planHash = regexp.MustCompile(`(?m)^plan (sha256:[0-9a-f]{64})$`)

// slipway runs the command as cmd/slipway does, and checks how it ends.
func (s *stage) slipway(ctx context.Context, want int, args []string) (said string, err error) {
	args, err = s.expand(args...)
	if err != nil {
		return "", err
	}
	out := &shared{}
	env := cli.Env{Args: args, Stdout: out, Stderr: out, Getenv: os.Getenv}
	s.typed(append([]string{"slipway"}, args...))
	code := cli.Run(ctx, env, cli.Group("slipway", "", promotecmd.Groups(env)...))
	said = out.String()
	s.print(said)
	if cause := context.Cause(ctx); cause != nil {
		return "", cause
	}
	if code != want {
		return "", fmt.Errorf("slipway %s: exit code %d, want %d", strings.Join(args, " "), code, want)
	}
	s.checks++
	if m := planHash.FindStringSubmatch(said); m != nil {
		s.vars["plan"] = m[1]
	}
	return said, nil
}

// tool runs somebody else's program, which must be done.
func tool(args ...string) act {
	return func(ctx context.Context, s *stage) error {
		args, err := s.expand(args...)
		if err != nil {
			return err
		}
		s.typed(args)
		said, err := s.run(ctx, args...)
		s.print(said)
		return err
	}
}

// forbidden runs somebody else's program, which must fail and give the reason.
func forbidden(reason string, args ...string) act {
	return func(ctx context.Context, s *stage) error {
		args, err := s.expand(args...)
		if err != nil {
			return err
		}
		s.typed(args)
		said, err := s.run(ctx, args...)
		if err == nil {
			return fmt.Errorf("%s: %s, want that it fails", strings.Join(args, " "), said)
		}
		s.print(err.Error())
		return s.says(err.Error(), "it fails, and says", reason)
	}
}

// wait lets time go by.
func wait(d time.Duration) act {
	return func(ctx context.Context, s *stage) error {
		fmt.Fprintf(s.env.Stdout, "(%v go by)\n", d)
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// kept keeps what a command prints as $NAME.
func kept(name string, args ...string) act {
	return func(ctx context.Context, s *stage) error {
		args, err := s.expand(args...)
		if err == nil {
			s.vars[name], err = s.run(ctx, args...)
		}
		return err
	}
}

// run runs somebody else's program and returns what it printed, trimmed.
func (s *stage) run(ctx context.Context, args ...string) (string, error) {
	out, err := exec.Output(ctx, exec.Cmd{Args: args, Path: s.programs[args[0]], Env: s.environ})
	return strings.TrimSpace(string(out)), err
}

// plain is what a shell takes as one word.
var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// typed shows a command as it would be typed.
func (s *stage) typed(args []string) {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = arg
		if !plain.MatchString(arg) {
			words[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	fmt.Fprintln(s.env.Stdout, "$", strings.Join(words, " "))
}

// print shows what a command said.
func (s *stage) print(said string) {
	for line := range strings.Lines(said) {
		_, _ = io.WriteString(s.env.Stdout, "  "+strings.TrimRight(line, "\n")+"\n")
	}
}

// shared is a buffer that several write to.
type shared struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *shared) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *shared) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
