package check

import (
	"context"
	"errors"
	"fmt"

	"slipway.dev/slipway/internal/guest"
)

// Run is a program that ends as expected.
type Run struct {
	Args   []string `yaml:"args"`
	Stdin  string   `yaml:"stdin"`
	Exit   int      `yaml:"exit"`
	Stdout *Pattern `yaml:"stdout"`
	Stderr *Pattern `yaml:"stderr"`
}

// Validate is part of Check.
func (r *Run) Validate() error {
	if len(r.Args) == 0 || r.Args[0] == "" {
		return errors.New("run: args names no program")
	}
	if r.Exit < 0 || r.Exit > 255 {
		return fmt.Errorf("run: exit %d: an exit code is 0 to 255", r.Exit)
	}
	return nil
}

// Check is part of Check.
func (r *Run) Check(ctx context.Context, g guest.Guest) []string {
	out, err := g.Run(ctx, guest.Command{Args: r.Args, Stdin: []byte(r.Stdin)})
	if err != nil {
		return []string{unanswered(r.Args, err).Error()}
	}
	var problems []string
	if out.Code != r.Exit {
		problems = append(problems, fmt.Sprintf("%s ended with code %d, want %d; it said %s and %s",
			r.Args[0], out.Code, r.Exit, quote(out.Stdout), quote(out.Stderr)))
	}
	for _, problem := range []string{
		r.Stdout.mismatch(r.Args[0]+"'s standard output", out.Stdout),
		r.Stderr.mismatch(r.Args[0]+"'s standard error", out.Stderr),
	} {
		if problem != "" {
			problems = append(problems, problem)
		}
	}
	return problems
}
