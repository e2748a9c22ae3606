package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"slipway.dev/slipway/internal/demo/play"
	"slipway.dev/slipway/internal/demo/registry"
	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/testkit/tools"
)

// buildDeadline is for one program, on a machine that has none of its modules.
const buildDeadline = 20 * time.Minute

// stage is what the story is played on.
type stage = play.Stage

type (
	scene = play.Scene
	act   = play.Act
)

// install builds other people's programs, if this user never did.
func install(ctx context.Context, s *stage, names ...string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, buildDeadline)
	defer cancel()
	say := func(message string) { fmt.Fprintln(s.Env.Stderr, message) }
	for _, name := range names {
		stop := progress.Watch(10*time.Second, "building "+name+", which takes minutes the first time", say)
		s.Programs[name], err = tools.Install(ctx, name)
		stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// open starts the registry and logs its users in. What it returns stops the registry.
func open(ctx context.Context, s *stage) (stop func() error, err error) {
	users := map[string]string{"ci": rand.Text(), registry.Janitor: rand.Text()}
	host, stop, err := registry.Start(ctx, "registry", users)
	if err != nil {
		return nil, err
	}
	s.Vars["host"], s.Vars["repository"] = host, host+"/hello-os"
	for user, password := range users {
		if err := registry.Login(loginOf(user), user, password, host); err != nil {
			return nil, errors.Join(err, stop())
		}
	}
	return stop, nil
}
