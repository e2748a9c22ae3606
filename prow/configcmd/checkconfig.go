package configcmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/filelock"
	"slipway.dev/slipway/internal/image/gotools"
)

const (
	programName = "checkconfig"
	prowVersion = "v0.0.0-20240619181241-cfb8754e0459" // of go.mod
)

// recipe is what images/config-check/go.tools says, too. Prow's golang.org/x/tools does
// not compile with the Go of today.
const recipe = "compiler go1.22.12\nprogram sigs.k8s.io/prow/cmd/" + programName + "@" + prowVersion + "\n"

// checkconfig finds Prow's program: the one that is named, or in PATH, or in the user's
// cache, where it is built if it is not there yet.
func checkconfig(ctx context.Context, name string, say func(string)) (string, error) {
	if name != "" {
		return named(name)
	}
	if found, err := exec.LookPath(programName); err == nil {
		return filepath.Abs(found)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for Prow's checkconfig: %w; name one by --prow-checkconfig, or leave it out by --no-prow", err)
	}
	folder := filepath.Join(cache, "slipway", "tools", programName+"-"+prowVersion)
	file := filepath.Join(folder, programName)
	if err := build(ctx, folder, file, say); err != nil {
		return "", fmt.Errorf("build Prow's checkconfig: %w; name one by --prow-checkconfig, or leave it out by --no-prow", err)
	}
	return file, nil
}

// named looks at what a person named: a relative path is theirs, and not the checkout's.
func named(name string) (string, error) {
	info, err := os.Stat(name)
	if err == nil && (info.IsDir() || info.Mode()&0o111 == 0) {
		err = errors.New("it is no program")
	}
	if err != nil {
		return "", cli.Misuse("--prow-checkconfig %s: %w", name, err)
	}
	return filepath.Abs(name)
}

// build builds aside and renames, so that a build that is killed leaves no program. Who
// comes meanwhile waits for the first.
func build(ctx context.Context, folder, file string, say func(string)) (err error) {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	unlock, err := filelock.Waiter{For: "Prow's checkconfig", Limit: gotools.Timeout, Say: say}.Lock(ctx, filepath.Join(folder, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(file); err == nil {
		return nil // another process built it
	}
	say("build Prow's checkconfig " + prowVersion + " into " + folder + "; it takes some minutes, once")
	tools, err := gotools.Parse("recipe", strings.NewReader(recipe))
	if err != nil {
		return err
	}
	aside, err := os.MkdirTemp(folder, "build-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(aside)) }()
	if err := tools.Write(ctx, runtime.GOARCH, aside, say); err != nil {
		return err
	}
	return os.Rename(filepath.Join(aside, "bin", programName), file)
}
