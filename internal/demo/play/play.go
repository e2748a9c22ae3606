// Package play plays a demonstration: scenes of acts, each of which is shown as a person would type it and checked.
//
// A demo that cannot fail proves nothing, so every act that does something also says
// what must come of it, and the number of checks is printed in the end.
package play

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
)

// Stage is what a story is played on.
type Stage struct {
	Env      cli.Env
	Vars     map[string]string              // what $NAME stands for in the arguments of commands
	Programs map[string]string              // paths of programs that are not in PATH
	Environ  []string                       // of other people's programs
	Commands func(cli.Env) []*cobra.Command // what `slipway` knows
	Always   []string                       // arguments of every command of ours
	Deadline time.Duration                  // of one act; 0 is two minutes
	checks   int
}

// Scene is a title, what there is to know, and what is done, in that order.
type Scene struct {
	Title string
	About string
	Acts  []Act
}

// Act is one thing that is done, and checked.
type Act func(ctx context.Context, s *Stage) error

// actDeadline is for one act; most take a tenth of a second.
const actDeadline = 2 * time.Minute

// Play plays all scenes.
func (s *Stage) Play(ctx context.Context, story []Scene) error {
	for i, scene := range story {
		fmt.Fprintf(s.Env.Stdout, "\n== %d. %s\n%s\n\n", i+1, scene.Title, scene.About)
		for _, act := range scene.Acts {
			if err := s.perform(ctx, act); err != nil {
				return fmt.Errorf("scene %d: %w", i+1, err)
			}
		}
	}
	return nil
}

func (s *Stage) perform(ctx context.Context, act Act) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.Deadline, actDeadline))
	defer cancel()
	return act(ctx, s)
}

// Expand puts what $NAME stands for into texts.
func (s *Stage) Expand(texts ...string) ([]string, error) {
	expanded := make([]string, len(texts))
	var err error
	for i, text := range texts {
		expanded[i] = os.Expand(text, func(name string) string {
			value, known := s.Vars[name]
			if !known {
				err = fmt.Errorf("$%s has no value yet", name)
			}
			return value
		})
	}
	return expanded, err
}

// OK counts checks that turned out well, and says what they were.
func (s *Stage) OK(checks int, format string, args ...any) {
	s.checks += checks
	fmt.Fprintf(s.Env.Stdout, "  ok: "+format+"\n", args...)
}

// Checks is how many checks turned out well.
func (s *Stage) Checks() int { return s.checks }
