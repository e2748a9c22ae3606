package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/demo/play"
	"slipway.dev/slipway/internal/testkit/chatops"
)

// stage is what the story is played on.
type stage struct {
	env    cli.Env
	folder play.Folder
	world  *chatops.World
	issue  int               // where people talk now
	vars   map[string]string // what $NAME stands for
	read   map[int]string    // the robot's comments in this issue, as they were last seen
	jobs   map[string]bool   // ProwJobs that were shown
	checks int

	mu    sync.Mutex
	log   io.Writer
	wrong []string // requests that GitHub would not have understood
}

func newStage(env cli.Env, f play.Folder) *stage {
	return &stage{env: env, folder: f, vars: map[string]string{}, jobs: map[string]bool{}}
}

// scene is a title, what there is to know, and what is done, in that order.
type scene struct {
	title string
	about string
	acts  []act
}

// act is one thing that is said or done, and checked.
type act func(ctx context.Context, s *stage) error

// actDeadline is for one act; most take a tenth of a second.
const actDeadline = time.Minute

func (s *stage) playIn(ctx context.Context, story []scene) (err error) {
	log, err := os.Create(s.folder.In("plugin.log"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	s.log = log
	if s.world, err = chatops.Start(ctx, chatops.Options{Dir: s.folder.Path, Log: s.note, Error: s.complain}); err != nil {
		return err
	}
	defer s.world.Close()
	if err := s.play(ctx, story); err != nil {
		return err
	}
	return s.understood()
}

func (s *stage) play(ctx context.Context, story []scene) error {
	for i, scene := range story {
		fmt.Fprintf(s.env.Stdout, "\n== %d. %s\n%s\n", i+1, scene.title, scene.about)
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

func (s *stage) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.log, format+"\n", args...)
}

func (s *stage) complain(format string, args ...any) {
	s.note(format, args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// understood says whether GitHub would have understood all that it was asked.
func (s *stage) understood() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wrong) > 0 {
		return fmt.Errorf("GitHub would not have understood: %s", strings.Join(s.wrong, "; "))
	}
	return nil
}

// ok counts checks that turned out well, and says what they were.
func (s *stage) ok(checks int, format string, args ...any) {
	s.checks += checks
	fmt.Fprintf(s.env.Stdout, "\n  ok: "+format+"\n", args...)
}

var variable = regexp.MustCompile(`\$[a-z0-9]+`)

// expand puts what $NAME stands for into a text.
func (s *stage) expand(text string) (expanded string, err error) {
	expanded = variable.ReplaceAllStringFunc(text, func(name string) string {
		value, known := s.vars[name[1:]]
		if !known {
			err = fmt.Errorf("%s has no value yet", name)
		}
		return value
	})
	return expanded, err
}

func (s *stage) expandAll(texts []string) (all []string, err error) {
	for _, text := range texts {
		expanded, err := s.expand(text)
		if err != nil {
			return nil, err
		}
		all = append(all, expanded)
	}
	return all, nil
}

// print shows what somebody or a command said.
func (s *stage) print(said string) {
	for line := range strings.Lines(said) {
		fmt.Fprintln(s.env.Stdout, strings.TrimRight("    "+line, " \r\n"))
	}
}
