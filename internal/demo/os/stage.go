package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"slipway.dev/slipway/internal/demo/play"
	"slipway.dev/slipway/internal/demo/registry"
	"slipway.dev/slipway/internal/testkit/openqa"
)

// perform opens what the story needs, plays it, and closes that again.
func perform(ctx context.Context, s *play.Stage, f play.Folder) (err error) {
	login := f.In("login")
	s.Environ = append(os.Environ(), "DOCKER_CONFIG="+login, "REGISTRY_AUTH_FILE="+filepath.Join(login, "config.json"),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1") // nobody's settings change what is shown
	if err := errors.Join(os.Chdir(f.Path), os.Setenv("DOCKER_CONFIG", login)); err != nil {
		return err
	}
	stop, err := openRegistry(ctx, s, login)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	closeQA, err := openQA(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeQA()) }()
	fmt.Fprintf(s.Env.Stdout, "The registry is %s, openQA is %s. Commands are run in %s.\n", s.Vars["host"], s.Vars["openqa"], f.Path)
	return s.Play(ctx, story())
}

// openRegistry starts a registry and logs in.
func openRegistry(ctx context.Context, s *play.Stage, login string) (stop func() error, err error) {
	password := rand.Text()
	host, stop, err := registry.Start(ctx, "registry", map[string]string{"ci": password})
	if err != nil {
		return nil, err
	}
	s.Vars["host"], s.Vars["repository"] = host, host+"/hello-os"
	if err := registry.Login(login, "ci", password, host); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

// openQA starts an openQA with the tests of hello-os, and writes down its key.
func openQA(ctx context.Context, s *play.Stage) (stop func() error, err error) {
	fmt.Fprintln(s.Env.Stderr, "starting openQA")
	server, err := openqa.Launch(ctx, filepath.Join(s.Vars["examples"], "hello-os", "tests", "openqa", "hello-os"))
	if err != nil {
		return nil, err
	}
	s.Vars["openqa"], s.Vars["hdd"] = server.URL, server.Folder
	conf := fmt.Sprintf("[localhost]\nkey = %s\nsecret = %s\n", server.Key, server.Secret)
	if err := os.WriteFile("client.conf", []byte(conf), 0o600); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return server.Close, nil
}
