// Package cli is the border between a command and the outside world.
//
// A main is one call of Main. It owns what a process has only once: signals,
// exit codes and the standard streams. Everything behind it sees an Env and
// returns errors, so that a test can be the outside world.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/sandbox"
)

// Exit codes of every command.
const (
	ExitDone    = 0
	ExitFailed  = 1
	ExitMisused = 2
)

// Env is the outside world as a command sees it.
type Env struct {
	Args           []string // without the program's name
	Stdout, Stderr io.Writer
	Getenv         func(string) string
}

// Log is a logger to env's standard error. Standard output is the product.
func (env Env) Log() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(env.Stderr)
	log.SetFormatter(lines{})
	return log
}

// lines writes a log for people: the time, what is not usual about the level,
// and the message. Fields are for the hooks of whoever embeds a logger.
type lines struct{}

func (lines) Format(e *logrus.Entry) ([]byte, error) {
	level := ""
	if e.Level != logrus.InfoLevel {
		level = e.Level.String() + ": "
	}
	return []byte(e.Time.Format("15:04:05 ") + level + e.Message + "\n"), nil
}

// UsageError is a command that was called wrongly: exit code 2.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Misuse makes a UsageError from a message.
func Misuse(format string, args ...any) error {
	return &UsageError{fmt.Errorf(format, args...)}
}

// ExitError is a failure with an exit code of its own, for a command that passes on
// how something else ended.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string { return e.Err.Error() }
func (e *ExitError) Unwrap() error { return e.Err }

// Interrupted is the cause of a context that a signal ended.
type Interrupted struct{ Signal os.Signal }

func (e Interrupted) Error() string { return "interrupted by " + e.name() }

// name is the signal's as people know it; its own text is "interrupt" or "terminated".
func (e Interrupted) name() string {
	switch e.Signal {
	case os.Interrupt:
		return "SIGINT"
	case syscall.SIGTERM:
		return "SIGTERM"
	}
	return e.Signal.String()
}

// Main runs the command that newCommand makes, and exits the process.
func Main(newCommand func(Env) *cobra.Command) {
	sandbox.Enter()
	debug.SetGCPercent(400) // most commands are so short that collecting costs more than it frees
	env := Env{Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		s := <-signals
		by := Interrupted{s}
		fmt.Fprintf(env.Stderr, "%s: cleaning up; a second one ends at once\n", by.name())
		cancel(by)
		<-signals
		os.Exit(ExitFailed)
	}()
	os.Exit(Run(ctx, env, newCommand(env)))
}

// Run runs one command and says what the process should exit with.
func Run(ctx context.Context, env Env, command *cobra.Command) int {
	command.SetArgs(env.Args)
	command.SetOut(env.Stdout)
	command.SetErr(env.Stderr)
	command.SilenceErrors, command.SilenceUsage = true, true
	command.CompletionOptions.HiddenDefaultCmd = true
	command.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return Misuse("%w; see `%s --help`", err, c.CommandPath())
	})
	called, err := command.ExecuteContextC(ctx)
	if err == nil {
		return ExitDone
	}
	fmt.Fprintf(env.Stderr, "%s: %v\n", called.CommandPath(), err)
	var usage *UsageError
	var exit *ExitError
	switch {
	case errors.As(err, &usage):
		return ExitMisused
	case errors.As(err, &exit):
		return exit.Code
	}
	return ExitFailed
}

// Group is a command that only holds others; called alone it prints its help,
// and an unknown verb is a misuse that names the known ones.
func Group(use, short string, verbs ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use: use, Short: short, Args: cobra.ArbitraryArgs, // so that RunE names the known ones
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return Misuse("unknown command %q; see `%s --help`", args[0], c.CommandPath())
		},
	}
	group.AddCommand(verbs...)
	return group
}

// NoArgs refuses arguments as a misuse.
func NoArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Misuse("unexpected argument %q; see `%s --help`", args[0], c.CommandPath())
	}
	return nil
}
