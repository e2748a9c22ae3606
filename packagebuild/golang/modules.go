package golang

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/exec"
)

// download is one line of what go mod download -json prints.
type download struct {
	Path, Version, Error string
	Dir                  string // where the module was unpacked
}

// fetchTree fetches what the modules of one tree require, unless a stamp says
// that all of it is there.
func (f fetcher) fetchTree(ctx context.Context, goVersion string, modules []Module) error {
	modules = slices.DeleteFunc(slices.Clone(modules), func(m Module) bool { return m.Vendored })
	if len(modules) == 0 {
		return nil
	}
	root := modules[0].Root
	files, err := readManifests(root)
	if err != nil {
		return fmt.Errorf("read the go.mod files of %s: %w", root, err)
	}
	stamp := f.stampFor(goVersion, files)
	if stamp.fresh() {
		return nil
	}
	copied, err := os.MkdirTemp(f.home, "tree-")
	if err != nil {
		return fmt.Errorf("copy the go.mod files of %s: %w", root, err)
	}
	if err := files.write(copied); err != nil {
		return fmt.Errorf("copy the go.mod files of %s: %w", root, err)
	}
	dirs, complete, err := f.fetchModules(ctx, copied, modules, files)
	if err != nil || !complete {
		return err
	}
	return stamp.write(dirs)
}

// fetchModules runs go mod download for each module in the copy of the tree.
// It is not complete if something was left out.
func (f fetcher) fetchModules(ctx context.Context, copied string, modules []Module, files manifests) (dirs []string, complete bool, err error) {
	complete = true
	for _, m := range modules {
		rel, err := filepath.Rel(m.Root, m.Dir)
		if err != nil {
			return nil, false, err
		}
		f.log.Infof("fetch Go modules of %s", m.GoMod())
		got, err := f.download(ctx, filepath.Join(copied, rel), m.GoMod())
		if err != nil && ctx.Err() == nil && !transient.MatchString(err.Error()) {
			complete = false
			err = f.fetchImports(ctx, m, err)
		}
		switch {
		case err == nil:
			dirs = append(dirs, got...)
		// A package rarely needs its nested modules (tests, tools), and if it does, the build says so.
		case m.Nested && ctx.Err() == nil && !transient.MatchString(err.Error()):
			f.log.Warnf("left out a nested module: %s", oneLine(err.Error()))
		default:
			return nil, false, err
		}
	}
	if _, ok := files["go.work"]; ok {
		work := filepath.Join(modules[0].Root, "go.work")
		got, err := f.download(ctx, copied, work, "GOWORK="+filepath.Join(copied, "go.work"))
		return append(dirs, got...), complete, err
	}
	return dirs, complete, nil
}

// download fetches the modules of one go.mod or go.work, which from names, and
// returns the folders that they were unpacked to.
func (f fetcher) download(ctx context.Context, dir, from string, extra ...string) ([]string, error) {
	var dirs []string
	err := f.retry(ctx, "fetch Go modules of "+from, func() error {
		out, runErr := exec.Output(ctx, f.command(dir, []string{"mod", "download", "-json"}, extra...))
		if exec.ExitCode(runErr) < 0 && runErr != nil {
			return runErr // it did not get to the end of its JSON
		}
		got, err := parseDownloads(out)
		dirs = got
		if err == nil {
			err = runErr
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("fetch Go modules of %s: %w; check GOPROXY and the version in go.mod, or keep the module in vendor/", from, err)
	}
	return dirs, nil
}

// parseDownloads reads the JSON of go mod download. Its error names each module
// that could not be had.
func parseDownloads(out []byte) ([]string, error) {
	var dirs []string
	var failed []error
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var d download
		if err := decoder.Decode(&d); errors.Is(err, io.EOF) {
			return dirs, errors.Join(failed...)
		} else if err != nil {
			return nil, fmt.Errorf("read what go mod download printed: %w", err)
		}
		if d.Error != "" {
			failed = append(failed, describeFailure(d))
		} else if d.Dir != "" {
			dirs = append(dirs, d.Dir)
		}
	}
}

// describeFailure names the module once: go often begins its message with it.
func describeFailure(d download) error {
	name := d.Path + "@" + d.Version
	if strings.HasPrefix(d.Error, name) {
		return errors.New(d.Error)
	}
	return fmt.Errorf("%s: %s", name, d.Error)
}
