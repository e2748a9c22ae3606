package golang

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/packagebuild"
)

// platforms are those that guest packages are built for.
var platforms = [][]string{
	{"GOOS=linux", "GOARCH=amd64"},
	{"GOOS=linux", "GOARCH=arm64"},
	{"GOOS=windows", "GOARCH=amd64"},
}

// fetchImports fetches what the packages and tests of m import, and no more. It
// is for a module whose requirements cannot all be had, which cause is about:
// some are required for nothing that is built. It fails if no program is left
// that could be built; what else cannot be had is a warning.
func (f fetcher) fetchImports(ctx context.Context, m Module, cause error) error {
	copied, err := f.copyWhole(m)
	if err != nil {
		return errors.Join(cause, err)
	}
	found := imports{module: m, missing: map[string]*missing{}}
	for _, platform := range platforms {
		packages, err := f.list(ctx, copied, m.GoMod(), platform)
		if exec.ExitCode(err) > 0 {
			return cause // go cannot even list, for the same reason
		}
		if err != nil {
			return errors.Join(cause, err)
		}
		found.add(packages)
	}
	if found.programs > 0 && found.buildable == 0 {
		return fmt.Errorf("%w; no program can be built: %s", cause, strings.Join(found.lines(), "; "))
	}
	f.log.Warnf("fetched only what packages import: %s", oneLine(cause.Error()))
	for _, line := range found.lines() {
		f.log.Warnf("%s: %s", m.GoMod(), line)
	}
	return nil
}

// copyWhole copies the files of m's tree, and returns the folder of m in the
// copy. Links are left out: go would read what they lead to, and quote from it.
func (f fetcher) copyWhole(m Module) (string, error) {
	copied, err := os.MkdirTemp(f.home, "whole-")
	if err != nil {
		return "", fmt.Errorf("copy %s: %w", m.Root, err)
	}
	err = packagebuild.CopyTree(m.Root, copied, time.Time{}, func(rel string) bool {
		info, err := os.Lstat(filepath.Join(m.Root, rel))
		return packagebuild.SkipVCS(rel) || err == nil && !info.IsDir() && !info.Mode().IsRegular()
	})
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(m.Root, m.Dir)
	return filepath.Join(copied, rel), err
}

// listed is one package as go list -json prints it.
type listed struct {
	ImportPath string
	Name       string
	Module     *struct{ Main bool } // nil for what no module holds
	Incomplete bool                 // it or something below it has an error
	Error      *listError
	DepsErrors []listError
}

type listError struct{ Err string }

// isProgram leaves out the programs that go makes of tests: their paths end in
// .test, and those of packages that were made anew for one in [... .test].
func (p listed) isProgram() bool {
	return p.Name == "main" && p.Module != nil && p.Module.Main && !strings.HasSuffix(strings.TrimSuffix(p.ImportPath, "]"), ".test")
}

// list fetches what the packages below dir import, and describes all of them.
// Go list reads sources, and runs neither them nor a compiler.
func (f fetcher) list(ctx context.Context, dir, from string, platform []string) ([]listed, error) {
	args := []string{"list", "-e", "-deps", "-test", "-json=ImportPath,Name,Module,Incomplete,Error,DepsErrors", "./..."}
	env := append([]string{"GOFLAGS=-modcacherw -mod=readonly -buildvcs=false"}, platform...)
	var packages []listed
	err := f.retry(ctx, "fetch what the packages of "+from+" import", func() error {
		out, err := exec.Output(ctx, f.command(dir, args, env...))
		if err != nil {
			return err
		}
		packages, err = parseListed(out)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the packages of %s: %w", from, err)
	}
	return packages, nil
}

// parseListed reads the JSON of go list. That the network failed is an error,
// so that it is tried again.
func parseListed(out []byte) ([]listed, error) {
	var packages []listed
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("read what go list printed: %w", err)
		}
		if p.Error != nil && transient.MatchString(p.Error.Err) {
			return nil, errors.New(p.Error.Err)
		}
		packages = append(packages, p)
	}
}

// imports is what the listings of all platforms say together.
type imports struct {
	module    Module
	programs  int // listed on any platform
	buildable int // of them
	missing   map[string]*missing
}

// missing is what cannot be had for one reason, which names the module.
type missing struct {
	packages map[string]bool // that are imported
	programs map[string]bool // that cannot be built without them
}

func (i *imports) add(packages []listed) {
	for _, p := range packages {
		if p.Error == nil || p.Module != nil {
			continue
		}
		if i.missing[p.Error.Err] == nil {
			i.missing[p.Error.Err] = &missing{packages: map[string]bool{}, programs: map[string]bool{}}
		}
		i.missing[p.Error.Err].packages[p.ImportPath] = true
	}
	for _, p := range packages {
		if !p.isProgram() {
			continue
		}
		i.programs++
		if p.Error == nil && !p.Incomplete {
			i.buildable++
		}
		for _, e := range p.DepsErrors {
			if m := i.missing[e.Err]; m != nil {
				m.programs[i.relative(p.ImportPath)] = true
			}
		}
	}
}

// relative is a program's folder in its module.
func (i *imports) relative(path string) string {
	return "." + strings.TrimPrefix(path, i.module.Path)
}

// lines say what is missing, sorted, and what for.
func (i *imports) lines() []string {
	var lines []string
	for _, why := range slices.Sorted(maps.Keys(i.missing)) {
		m, who := i.missing[why], "a test or an unused package"
		if len(m.programs) > 0 {
			who = join(m.programs)
		}
		lines = append(lines, fmt.Sprintf("%s cannot be built without %s: %s", who, join(m.packages), oneLine(why)))
	}
	return lines
}

func join(set map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(set)), ", ")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
