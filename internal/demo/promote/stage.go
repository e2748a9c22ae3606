package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/testkit/tools"
)

// stage is what the story is played on.
type stage struct {
	env      cli.Env
	vars     map[string]string // what $NAME stands for in the arguments of commands
	programs map[string]string // paths of programs that are not in PATH
	environ  []string          // of other people's programs
	checks   int
}

// scene is a title, what there is to know, and what is done, in that order.
type scene struct {
	title string
	about string
	acts  []act
}

// act is one thing that is done, and checked.
type act func(ctx context.Context, s *stage) error

// actDeadline is for one act; most take a tenth of a second.
const actDeadline = 2 * time.Minute

func (s *stage) play(ctx context.Context, story []scene) error {
	for i, scene := range story {
		fmt.Fprintf(s.env.Stdout, "\n== %d. %s\n%s\n\n", i+1, scene.title, scene.about)
		for _, act := range scene.acts {
			if err := s.perform(ctx, act); err != nil {
				return fmt.Errorf("scene %d: %w", i+1, err)
			}
		}
	}
	return nil
}

func (s *stage) perform(ctx context.Context, act act) error {
	ctx, cancel := context.WithTimeout(ctx, actDeadline)
	defer cancel()
	return act(ctx, s)
}

// buildDeadline is for one program, on a machine that has none of its modules.
const buildDeadline = 20 * time.Minute

// install builds other people's programs, if this user never did.
func (s *stage) install(ctx context.Context, names ...string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, buildDeadline)
	defer cancel()
	say := func(message string) { fmt.Fprintln(s.env.Stderr, message) }
	for _, name := range names {
		stop := progress.Watch(10*time.Second, "building "+name+", which takes minutes the first time", say)
		s.programs[name], err = tools.Install(ctx, name)
		stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// open starts the registry and logs its users in. What it returns stops the registry.
func (s *stage) open(ctx context.Context) (stop func() error, err error) {
	users := map[string]string{"ci": rand.Text(), janitor: rand.Text()}
	host, stop, err := startRegistry(ctx, "registry", users)
	if err != nil {
		return nil, err
	}
	s.vars["host"], s.vars["repository"] = host, host+"/hello-os"
	for user, password := range users {
		if err := login(user, password, host); err != nil {
			return nil, errors.Join(err, stop())
		}
	}
	return stop, nil
}

// login writes what `podman login` would.
func login(user, password, host string) error {
	type auth struct {
		Auth string `json:"auth"`
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	data, err := json.Marshal(map[string]any{"auths": map[string]auth{host: {encoded}}})
	if err != nil {
		return err
	}
	return write(filepath.Join(loginOf(user), "config.json"), string(data))
}

// expand puts what $NAME stands for into texts.
func (s *stage) expand(texts ...string) ([]string, error) {
	expanded := make([]string, len(texts))
	var err error
	for i, text := range texts {
		expanded[i] = os.Expand(text, func(name string) string {
			value, known := s.vars[name]
			if !known {
				err = fmt.Errorf("$%s has no value yet", name)
			}
			return value
		})
	}
	return expanded, err
}

// ok counts checks that turned out well, and says what they were.
func (s *stage) ok(checks int, format string, args ...any) {
	s.checks += checks
	fmt.Fprintf(s.env.Stdout, "  ok: "+format+"\n", args...)
}
