package gotools

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/progress"
)

// Timeout bounds what one line asks for: a download of some 70 MB, or a compilation.
const Timeout = 20 * time.Minute

// Input puts what a folder's go.tools asks for into a build context.
type Input struct {
	Tools Tools
	Say   func(message string) // told that something takes long; nil is nobody
}

// Read reads the go.tools of an image's folder. The error is fs.ErrNotExist if it
// has none.
func Read(folder string) (*Input, error) {
	path := filepath.Join(folder, File)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", File, err)
	}
	defer f.Close()
	tools, err := Parse(path, f)
	if err != nil {
		return nil, err
	}
	return &Input{Tools: tools}, nil
}

// Write writes the toolchain into go/ and the programs into bin/ of a folder, for
// Linux on arch (amd64, arm64). What it downloads and compiles stays in Go's own
// caches.
func (in *Input) Write(ctx context.Context, arch, contextDir string) error {
	if line := in.Tools.Toolchain; line.Value != "" {
		if err := in.step(ctx, line, func(ctx context.Context) error {
			return writeToolchain(ctx, line.Value, arch, filepath.Join(contextDir, "go"))
		}); err != nil {
			return err
		}
	}
	for _, line := range in.Tools.Programs {
		if err := in.step(ctx, line, func(ctx context.Context) error {
			return writeProgram(ctx, in.Tools.compiler(), line.Value, arch, filepath.Join(contextDir, "bin"))
		}); err != nil {
			return err
		}
	}
	return nil
}

// step does what a line asks for, within Timeout.
func (in *Input) step(ctx context.Context, line Line, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Timeout, fmt.Errorf("not done within %s", Timeout))
	defer cancel()
	defer progress.Watch(15*time.Second, line.Value, in.Say)()
	if err := do(ctx); err != nil {
		return fmt.Errorf("%s: %s: %w", line.Place, line.Value, err)
	}
	return nil
}

var majorVersion = regexp.MustCompile(`/v\d+$`)

// name is the file name that go install gives a program.
func name(program string) string {
	pkg, _, _ := strings.Cut(program, "@")
	return path.Base(majorVersion.ReplaceAllString(pkg, ""))
}

// writeProgram installs into a GOPATH of its own, since go install refuses to write
// for another architecture anywhere else, and moves the program.
func writeProgram(ctx context.Context, toolchain, program, arch, bin string) (err error) {
	work, err := os.MkdirTemp("", "gotools-")
	if err != nil {
		return fmt.Errorf("make a scratch folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	env, err := environment(ctx, "GOTOOLCHAIN="+toolchain, "GOPATH="+work, "GOOS=linux", "GOARCH="+arch)
	if err != nil {
		return err
	}
	err = exec.Run(ctx, exec.Cmd{
		Args: []string{"go", "install", "-trimpath", "-ldflags", "-s -w -buildid=", program}, Dir: work, Env: env,
	})
	if err != nil {
		return err
	}
	folder := filepath.Join(work, "bin")
	if runtime.GOOS != "linux" || runtime.GOARCH != arch {
		folder = filepath.Join(folder, "linux_"+arch)
	}
	return copyFile(filepath.Join(folder, name(program)), filepath.Join(bin, name(program)), 0o755)
}
