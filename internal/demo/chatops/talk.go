package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/testkit/chatops"
)

// opens opens a pull request, in which people talk from now on.
func opens(login, title string) act {
	return func(_ context.Context, s *stage) (err error) {
		if s.issue, err = s.world.Issue(title); err != nil {
			return err
		}
		s.read = map[int]string{}
		fmt.Fprintf(s.env.Stdout, "\n%s opens %s/%s#%d, %q\n", login, chatops.Org, chatops.Guest, s.issue, title)
		return nil
	}
}

// says writes a comment, and waits until the robot has written or edited one that has
// all of the words.
func says(login, text string, words ...string) act {
	return func(ctx context.Context, s *stage) error {
		if err := s.comment(login, text); err != nil {
			return err
		}
		return s.hear(ctx, words)
	}
}

// hears waits for words of the robot that nobody's comment is the cause of.
func hears(words ...string) act {
	return func(ctx context.Context, s *stage) error { return s.hear(ctx, words) }
}

// ignored writes a comment of which the robot takes no notice.
func ignored(login, text string) act {
	return func(ctx context.Context, s *stage) error {
		if err := errors.Join(s.comment(login, text), s.world.Settle(ctx)); err != nil {
			return err
		}
		select {
		case <-time.After(5 * s.world.Poll):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		fresh, err := s.fresh()
		if err != nil {
			return err
		}
		if len(fresh) > 0 {
			return fmt.Errorf("the robot answers: %s", fresh[0].body)
		}
		s.ok(1, "the robot takes no notice")
		return nil
	}
}

// comment writes what somebody says, and shows it.
func (s *stage) comment(login, text string) error {
	text, err := s.expand(text)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.env.Stdout, "\n%s:\n", login)
	s.print(text)
	_, err = s.world.Guest.CommentAs(login, s.issue, text)
	return err
}

// robots is a comment of the robot.
type robots struct {
	id           int
	before, body string // before is empty if the comment is new
}

// fresh are the robot's comments that are new, or edited, since they were last shown.
func (s *stage) fresh() (all []robots, err error) {
	comments, err := s.world.Comments(s.issue)
	for _, c := range comments {
		_, body, _ := strings.Cut(c.Body, "\n") // the first line is the robot's mark, which nobody sees
		if c.User.Login == chatops.Robot && body != s.read[c.ID] {
			all = append(all, robots{c.ID, s.read[c.ID], body})
		}
	}
	return all, err
}

// hear waits until one fresh comment of the robot has all words, and shows what is fresh.
func (s *stage) hear(ctx context.Context, words []string) error {
	words, err := s.expandAll(words)
	if err != nil {
		return err
	}
	var all []robots
	err = s.world.Wait(ctx, fmt.Sprintf("the robot to say %q", words), func() (bool, error) {
		all, err = s.fresh()
		return slices.ContainsFunc(all, func(c robots) bool { return c.hasAll(words) }), err
	})
	for _, c := range all {
		s.show(c)
	}
	if err == nil {
		s.checks += len(words)
	}
	return err
}

func (c robots) hasAll(words []string) bool {
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(c.body, word) })
}

// planLine is in a status comment. Later texts name its hash $plan.
var planLine = regexp.MustCompile("Plan `(sha256:[0-9a-f]{64})`")

// show shows a comment; of one that was edited what is new.
func (s *stage) show(c robots) {
	s.read[c.id] = c.body
	if m := planLine.FindStringSubmatch(c.body); m != nil {
		s.vars["plan"] = m[1]
	}
	if c.before == "" {
		fmt.Fprintf(s.env.Stdout, "\n%s:\n", chatops.Robot)
		s.print(c.body)
		return
	}
	fmt.Fprintf(s.env.Stdout, "\n%s edits its comment, which says now:\n", chatops.Robot)
	for line := range strings.Lines(c.body) {
		if !strings.Contains(c.before, line) {
			s.print(line)
		}
	}
}

// reread shows the whole comment of the robot that has a word.
func reread(word string) act {
	return func(_ context.Context, s *stage) error {
		for _, body := range s.read {
			if strings.Contains(body, word) {
				fmt.Fprintf(s.env.Stdout, "\nThe whole comment of %s:\n", chatops.Robot)
				s.print(body)
				return nil
			}
		}
		return fmt.Errorf("no comment of the robot says %q", word)
	}
}
