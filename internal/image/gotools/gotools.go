package gotools

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/image"
	"slipway.dev/slipway/internal/image/build"
	"slipway.dev/slipway/internal/progress"
)

// Timeout bounds what one line asks for: a download of some 70 MB, or a compilation.
const Timeout = 20 * time.Minute

// input is what the go.tools of an image puts into its build context.
type input struct {
	image image.Image
	say   func(message string)
}

// Find finds what the go.tools of an image puts into its context: nothing if it has
// none. say is told of what takes long; nil is nobody.
func Find(say func(message string)) build.Find {
	return func(img image.Image) (build.Input, error) {
		_, err := os.Stat(filepath.Join(img.Folder, File))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return input{img, say}, err
	}
}

// Write writes the tools into dir. The file is read from there too: a context holds
// tracked files only, so nothing gets in that the tag does not cover.
func (i input) Write(ctx context.Context, arch, dir string) error {
	path := filepath.Join(i.image.Folder, File)
	f, err := os.Open(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not tracked; run: git add %s", path, path)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	tools, err := Parse(path, f)
	if err != nil {
		return err
	}
	return tools.Write(ctx, arch, dir, i.say)
}

// Write writes the toolchain into go/ and the programs into bin/ of a folder, for
// Linux on arch (amd64, arm64). What it downloads and compiles stays in Go's own
// caches.
func (t Tools) Write(ctx context.Context, arch, dir string, say func(message string)) error {
	if line := t.Toolchain; line.Value != "" {
		if err := step(ctx, say, line, func(ctx context.Context) error {
			return writeToolchain(ctx, line.Value, arch, filepath.Join(dir, "go"))
		}); err != nil {
			return err
		}
	}
	for _, line := range t.Programs {
		if err := step(ctx, say, line, func(ctx context.Context) error {
			return writeProgram(ctx, t.compiler(), line.Value, arch, filepath.Join(dir, "bin"))
		}); err != nil {
			return err
		}
	}
	return nil
}

// step does what a line asks for, within Timeout.
func step(ctx context.Context, say func(string), line Line, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Timeout, fmt.Errorf("not done within %s", Timeout))
	defer cancel()
	defer progress.Watch(15*time.Second, line.Value, say)()
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
