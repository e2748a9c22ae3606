// Package git runs git, and words the URLs of its repositories for people.
//
// Every run has a deadline, speaks plain English, asks nobody for a password and
// tells nobody one, and sees none of the variables that tie git to a repository:
// a hook that starts us must not have its index or its objects changed.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/progress"
)

// Timeout bounds a run of git that names no time of its own.
const Timeout = 5 * time.Minute

// progressEvery is how often a run that takes long says so.
const progressEvery = 10 * time.Second

// Command is one run of git.
type Command struct {
	Args     []string
	Dir      string // working folder; empty is the caller's
	Stdin    string
	Timeout  time.Duration        // 0 is Timeout
	Progress func(message string) // told every ten seconds that it is still at it; nil is nobody
}

// Error is a run of git that failed. It leaves out the arguments, which may hold a
// password and say nothing to a person that the caller does not say better.
type Error struct {
	Command string // fetch
	Said    string // what git said, on one line
	Err     error
}

func (e *Error) Error() string {
	if e.Said == "" {
		return fmt.Sprintf("git %s: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("git %s: %s", e.Command, e.Said)
}

func (e *Error) Unwrap() error { return e.Err }

// Run runs git and returns what it printed, trimmed. A failure is an *Error.
func Run(ctx context.Context, c Command) (string, error) {
	if c.Timeout == 0 {
		c.Timeout = Timeout
	}
	name := subcommand(c.Args)
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("no answer within %v", c.Timeout))
	defer cancel()
	defer progress.Watch(progressEvery, "git "+name, c.Progress)()
	var out, said bytes.Buffer
	err := exec.Run(ctx, exec.Cmd{
		Args: append([]string{"git"}, c.Args...), Dir: c.Dir, Env: Environment(),
		Stdin: strings.NewReader(c.Stdin), Stdout: &out, Stderr: &said,
	})
	if failed, ok := errors.AsType[*exec.Error](err); ok {
		err = &Error{Command: name, Said: oneLine(said.String()), Err: failed.Err}
		if context.Cause(ctx) != nil {
			err = &Error{Command: name, Err: context.Cause(ctx)}
		}
	}
	return strings.TrimSpace(out.String()), err
}

// subcommand is the first argument that is no option of git itself.
func subcommand(args []string) string {
	for i := 0; i < len(args); i++ {
		switch {
		case slices.Contains([]string{"-C", "-c", "--git-dir", "--work-tree"}, args[i]):
			i++ // its value
		case !strings.HasPrefix(args[i], "-"):
			return args[i]
		}
	}
	return strings.Join(args, " ")
}

var boilerplate = regexp.MustCompile(`(?m)^(hint: .*|error: failed to push some refs.*|To .*|remote: ?$)\n?`)

// oneLine takes passwords and what says nothing out of git's messages.
func oneLine(said string) string {
	var lines []string
	for line := range strings.Lines(boilerplate.ReplaceAllString(Shown(said), "")) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// repositoryVariables tie git to a repository; a hook that runs us has them set.
var repositoryVariables = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR",
	"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_NAMESPACE", "GIT_PREFIX",
}

// Environment is the caller's, without a repository, with git in plain English and
// asking nobody for passwords.
func Environment(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(repositoryVariables, name)
	})
	return append(append(env, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C"), more...)
}
