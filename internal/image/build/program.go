package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/image"
)

// Program finds the Go program that is compiled into an image.
func Program(tree *image.Tree) Find {
	return func(img image.Image) (Input, error) {
		if img.Program == "" {
			return nil, nil
		}
		program, err := tree.Program(img.Name)
		return goProgram{program, tree.Checkout()}, err
	}
}

// goProgram compiles a copy of the sources that the tag covers, and of no others: a
// file that is missing in the tag is missing here too.
type goProgram struct {
	image.Program
	checkout string
}

func (p goProgram) Write(ctx context.Context, arch, dir string) (err error) {
	sources, err := os.MkdirTemp(filepath.Dir(dir), "sources-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(sources)
	if err := copyTracked(p.checkout, sources, p.Sources); err != nil {
		return err
	}
	module := filepath.Join(sources, filepath.FromSlash(p.Module))
	toolchain, err := toolchainOf(filepath.Join(module, "go.mod"))
	if err != nil {
		return err
	}
	_, err = exec.Output(ctx, exec.Cmd{
		Args: []string{
			"go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=",
			"-o", filepath.Join(dir, p.Name), p.Package,
		},
		Dir: module,
		Env: append(os.Environ(),
			"GOWORK=off", "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOTOOLCHAIN="+toolchain,
			"GOFLAGS=-trimpath", "GOAMD64=v1", "GOARM64=v8.0"),
	})
	if exec.IsNotFound(err) {
		return fmt.Errorf("go is not installed; get it from https://go.dev/dl/")
	}
	return err
}

// toolchainOf is the toolchain that go.mod pins, so that a newer one on this machine
// does not make another program.
func toolchainOf(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	parsed, err := modfile.ParseLax(path, data, nil)
	if err != nil {
		return "", err
	}
	if parsed.Toolchain != nil {
		return parsed.Toolchain.Name, nil
	}
	if parsed.Go != nil && strings.Count(parsed.Go.Version, ".") == 2 {
		return "go" + parsed.Go.Version, nil
	}
	return "", fmt.Errorf("go.mod pins no toolchain, so that each machine's Go would make another program; add a line such as: toolchain go1.26.8")
}
