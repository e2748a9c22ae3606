package play

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
	"slipway.dev/slipway/internal/exec"
)

// Slipway runs a command of ours, which must be done.
func Slipway(args ...string) Act {
	return func(ctx context.Context, s *Stage) error {
		_, err := s.Slipway(ctx, cli.ExitDone, append(slices.Clone(args), s.Always...))
		return err
	}
}

// Fails runs a command of ours, which must fail and give the reason.
func Fails(reason string, args ...string) Act {
	return func(ctx context.Context, s *Stage) error {
		said, err := s.Slipway(ctx, cli.ExitFailed, append(slices.Clone(args), s.Always...))
		if err != nil {
			return err
		}
		return s.Says(said, "exit code 1, and it says", reason)
	}
}

// Shows runs a command of ours, which must be done and say something.
func Shows(what string, args ...string) Act {
	return func(ctx context.Context, s *Stage) error {
		said, err := s.Slipway(ctx, cli.ExitDone, append(slices.Clone(args), s.Always...))
		if err != nil {
			return err
		}
		return s.Says(said, "it says", what)
	}
}

// Says checks that what was said contains what is expected, $NAMEs expanded.
func (s *Stage) Says(said, intro, what string) error {
	expanded, err := s.Expand(what)
	if err != nil {
		return err
	}
	if !strings.Contains(said, expanded[0]) {
		return fmt.Errorf("it does not say %q", expanded[0])
	}
	s.OK(1, "%s %q", intro, expanded[0])
	return nil
}

// planHash is in the first line that a plan is shown with. Later commands name it $plan.
var planHash = regexp.MustCompile(`(?m)^plan (sha256:[0-9a-f]{64})$`)

// Slipway runs the command as cmd/slipway does, and checks how it ends.
func (s *Stage) Slipway(ctx context.Context, want int, args []string) (said string, err error) {
	args, err = s.Expand(args...)
	if err != nil {
		return "", err
	}
	out := &shown{to: s.Env.Stdout}
	env := cli.Env{Args: args, Stdout: out, Stderr: out, Getenv: os.Getenv}
	s.Typed(append([]string{"slipway"}, args...))
	code := cli.Run(ctx, env, cli.Group("slipway", "", s.Commands(env)...))
	said = out.end()
	if cause := context.Cause(ctx); cause != nil {
		return "", cause
	}
	if code != want {
		return "", fmt.Errorf("slipway %s: exit code %d, want %d", strings.Join(args, " "), code, want)
	}
	s.checks++
	if m := planHash.FindStringSubmatch(said); m != nil {
		s.Vars["plan"] = m[1]
	}
	return said, nil
}

// Tool runs somebody else's program, which must be done.
func Tool(args ...string) Act {
	return func(ctx context.Context, s *Stage) error {
		args, err := s.Expand(args...)
		if err != nil {
			return err
		}
		s.Typed(args)
		said, err := s.Run(ctx, args...)
		s.Print(said)
		return err
	}
}

// Forbidden runs somebody else's program, which must fail and give the reason.
func Forbidden(reason string, args ...string) Act {
	return func(ctx context.Context, s *Stage) error {
		args, err := s.Expand(args...)
		if err != nil {
			return err
		}
		s.Typed(args)
		said, err := s.Run(ctx, args...)
		if err == nil {
			return fmt.Errorf("%s: %s, want that it fails", strings.Join(args, " "), said)
		}
		s.Print(err.Error())
		return s.Says(err.Error(), "it fails, and says", reason)
	}
}

// Wait lets time go by.
func Wait(d time.Duration) Act {
	return func(ctx context.Context, s *Stage) error {
		fmt.Fprintf(s.Env.Stdout, "(%v go by)\n", d)
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Kept keeps what a command prints as $NAME.
func Kept(name string, args ...string) Act {
	return func(ctx context.Context, s *Stage) error {
		args, err := s.Expand(args...)
		if err == nil {
			s.Vars[name], err = s.Run(ctx, args...)
		}
		return err
	}
}

// Run runs somebody else's program and returns what it printed, trimmed.
func (s *Stage) Run(ctx context.Context, args ...string) (string, error) {
	out, err := exec.Output(ctx, exec.Cmd{Args: args, Path: s.Programs[args[0]], Env: s.Environ})
	return strings.TrimSpace(string(out)), err
}

// plain is what a shell takes as one word.
var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// Typed shows a command as it would be typed.
func (s *Stage) Typed(args []string) {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = arg
		if !plain.MatchString(arg) {
			words[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	fmt.Fprintln(s.Env.Stdout, "$", strings.Join(words, " "))
}

// Print shows what a command said.
func (s *Stage) Print(said string) {
	for line := range strings.Lines(said) {
		_, _ = io.WriteString(s.Env.Stdout, "  "+strings.TrimRight(line, "\n")+"\n")
	}
}

// shown keeps what a command says, and shows each line as it comes. Several may write.
type shown struct {
	to      io.Writer
	mu      sync.Mutex
	said    bytes.Buffer
	printed int // bytes of said that were shown
}

func (b *shown) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said.Write(p)
	for {
		line, _, whole := bytes.Cut(b.said.Bytes()[b.printed:], []byte("\n"))
		if !whole {
			return len(p), nil
		}
		fmt.Fprintf(b.to, "  %s\n", line)
		b.printed += len(line) + 1
	}
}

// end shows a last line that has no end, and returns all that was said.
func (b *shown) end() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if rest := b.said.Bytes()[b.printed:]; len(rest) > 0 {
		fmt.Fprintf(b.to, "  %s\n", rest)
	}
	return b.said.String()
}
