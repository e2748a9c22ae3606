// Package server runs the real servers that the store's drivers are tested on.
//
// They come from the Go module proxy, are built once into the user's cache, and
// link nothing of this module: their dependencies, many and some of them under
// other licenses, stay out of go.mod.
package server

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/exec"
)

// Program is a server's main package at a version.
type Program struct {
	Package   string
	Version   string
	Toolchain string // of Go, as in go1.22.12; empty is this one
}

// The servers: Minio and Versitygw speak S3, FakeGCS speaks Google Cloud Storage.
var (
	Minio     = Program{Package: "github.com/minio/minio", Version: "v0.0.0-20260212201848-7aac2a2c5b7c"}
	Versitygw = Program{Package: "github.com/versity/versitygw/cmd/versitygw", Version: "v1.8.0"}
	FakeGCS   = Program{Package: "github.com/fsouza/fake-gcs-server", Version: "v1.56.1"}
)

// Name is the name of the program's file.
func (p Program) Name() string { return path.Base(p.Package) }

// Install returns the path of the built program, and builds it first if this
// user never did: that takes minutes. Who comes meanwhile waits for the first.
func (p Program) Install(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("install %s: %w", p.Name(), err)
	}
	dir := filepath.Join(cache, "slipway", "tools", p.Name()+"-"+p.Version)
	file := filepath.Join(dir, p.Name())
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	unlock, err := lock(dir)
	if err != nil {
		return "", fmt.Errorf("install %s: %w", p.Name(), err)
	}
	defer unlock()
	if _, err := os.Stat(file); err == nil {
		return file, nil // another process built it
	}
	if err := p.build(ctx, dir); err != nil {
		return "", fmt.Errorf("install %s %s into %s: %w", p.Package, p.Version, dir, err)
	}
	return file, nil
}

// lock makes dir and takes its lock. It waits for a build, which has a deadline.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		_ = file.Close()
		return nil, err
	}
	return func() { _ = file.Close() }, nil
}

// build builds aside and renames, so that a build that is killed leaves no program.
func (p Program) build(ctx context.Context, dir string) error {
	aside, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(aside) }()
	env := append(os.Environ(), "GOBIN="+aside, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if p.Toolchain != "" {
		env = append(env, "GOTOOLCHAIN="+p.Toolchain)
	}
	err = exec.Run(ctx, exec.Cmd{
		Args: []string{"go", "install", "-trimpath", "-ldflags=-s -w", p.Package + "@" + p.Version},
		Dir:  dir, // outside of any module
		Env:  env,
	})
	if err != nil {
		return err
	}
	return os.Rename(filepath.Join(aside, p.Name()), filepath.Join(dir, p.Name()))
}
