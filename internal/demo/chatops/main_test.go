package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/promotecmd"
	"slipway.dev/slipway/internal/demo/play"
)

func newEnv() (cli.Env, *bytes.Buffer) {
	said := &bytes.Buffer{}
	return cli.Env{Stdout: said, Stderr: said, Getenv: os.Getenv}, said
}

// TestDemo plays the whole demo twice in one folder, and then types what the README says.
func TestDemo(t *testing.T) {
	t.Chdir(t.TempDir())
	out := filepath.Join("out", "demo")
	for range 2 {
		env, said := newEnv()
		if err := demo(t.Context(), env, out, story()); err != nil {
			t.Fatalf("%v, after:\n%s", err, said)
		}
		if !strings.Contains(said.String(), "all as they should be") {
			t.Errorf("it ended with:\n%s", said)
		}
	}
	readme, err := os.ReadFile(filepath.Join(out, play.Readme))
	if err != nil {
		t.Fatal(err)
	}
	typed := 0
	for line := range strings.Lines(string(readme)) {
		if args, ok := strings.CutPrefix(line, "bin/slipway "); ok {
			typed++
			env, said := newEnv()
			env.Args = strings.Fields(args)
			if code := cli.Run(t.Context(), env, cli.Group("slipway", "", promotecmd.Groups(env)...)); code != cli.ExitDone {
				t.Errorf("%s: exit code %d:\n%s", strings.TrimSpace(line), code, said)
			}
		}
	}
	if typed < 4 {
		t.Errorf("the README names %d commands:\n%s", typed, readme)
	}
}

// What does not come about fails the demo. The scenes before are the story's own.
func TestWhatDoesNotComeAbout(t *testing.T) {
	ready := people()
	asked := scene{"", "", []act{
		opens(contributor, "Promote the disk"), boots("1"), says(contributor, "/promote hello-disk to testing", "waiting", "[x] test boot"),
	}}
	tests := []struct {
		name string
		act  act
		want string
	}{
		{"a word that nobody says", hears("the moon is full"), "the moon is full"},
		{"an approval that is refused", says(contributor, "/approve-promotion $plan", "done"), `to say ["done"]`},
		{"a command that is heeded", ignored(three, "/approve-promotion $plan"), "the robot answers"},
		{"a channel that did not move", holds("testing", "$disk1"), `holds "", want "sha256:`},
		{"a job that was not made", ran(), "0 ProwJobs"},
		{"a comment that is not there", reread("done"), "no comment of the robot"},
		{"a hash that is not known", says(one, "/approve-promotion $old", ""), "$old has no value yet"},
		{"a command that fails", slipway("channel show hello-disk/testing"), "exit code 1"},
		{"what GitHub would not understand", complains, "would not have understood"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := play.NewFolder(t.TempDir(), about)
			if err != nil {
				t.Fatal(err)
			}
			env, said := newEnv()
			s := newStage(env, f)
			err = s.playIn(t.Context(), []scene{ready, asked, {"", "", []act{within(3*time.Second, tt.act)}}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q, after:\n%s", err, tt.want, said)
			}
		})
	}
}

func within(d time.Duration, do act) act {
	return func(ctx context.Context, s *stage) error {
		ctx, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		return do(ctx, s)
	}
}

func complains(_ context.Context, s *stage) error {
	s.complain("no such path")
	return nil
}

// A demo that fails leaves its folder; one that is called off leaves nothing.
func TestWhatStays(t *testing.T) {
	called, off := context.WithCancelCause(t.Context())
	tests := []struct {
		name string
		ctx  context.Context
		act  act
		left bool
	}{
		{"failed", t.Context(), func(context.Context, *stage) error { return errors.New("by itself") }, true},
		{"called off", called, func(ctx context.Context, s *stage) error {
			off(errors.New("by somebody"))
			return hears("anything")(ctx, s)
		}, false},
	}
	for _, tt := range tests {
		out := filepath.Join(t.TempDir(), "demo")
		env, said := newEnv()
		err := demo(tt.ctx, env, out, []scene{{"", "", []act{opens(contributor, "A disk"), tt.act}}})
		if err == nil {
			t.Errorf("%s: no error, after:\n%s", tt.name, said)
		}
		if _, err := os.Stat(out); (err == nil) != tt.left {
			t.Errorf("%s: %v, want that the folder is left: %v", tt.name, err, tt.left)
		}
	}
}

// What is shown can be typed.
func TestTyped(t *testing.T) {
	env, said := newEnv()
	s := newStage(env, play.Folder{})
	s.typed([]string{"promoter", "--why", "it isn't $right", "--to=sha256:0", "a/b@c", ""})
	if got, want := said.String(), "$ promoter --why 'it isn'\\''t $right' --to=sha256:0 a/b@c ''\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
