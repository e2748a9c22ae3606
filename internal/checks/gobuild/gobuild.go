// Package gobuild builds the Go packages of a checkout for several platforms.
//
// Each platform of each module is a case of its own: that the code for Windows does
// not compile says nothing about Linux, so one that fails does not stop the others.
package gobuild

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/checks/gotool"
	"slipway.dev/slipway/internal/junit"
	"slipway.dev/slipway/internal/progress"
)

// Platform is what Go can build for: linux/amd64.
type Platform struct{ OS, Arch string }

func (p Platform) String() string { return p.OS + "/" + p.Arch }

var platform = regexp.MustCompile(`^([a-z0-9]+)/([a-z0-9]+)$`)

// ParsePlatform reads OS/ARCH.
func ParsePlatform(text string) (Platform, error) {
	match := platform.FindStringSubmatch(text)
	if match == nil {
		return Platform{}, fmt.Errorf("%q is no platform; name OS/ARCH, such as linux/arm64", text)
	}
	return Platform{OS: match[1], Arch: match[2]}, nil
}

// Options are how packages are built.
type Options struct {
	Platforms []Platform
	Cgo       bool     // link C code, which needs a C compiler for each platform
	Binaries  bool     // write the programs into bin/OS_ARCH/ of the output
	Flags     []string // more flags for go build
}

// Run builds every module for every platform, whichever fails, and reports.
func Run(ctx context.Context, job checks.Job, opts Options) error {
	files, err := checks.Files(ctx, job.Root)
	if err != nil {
		return err
	}
	modules, err := gotool.Modules(ctx, job.Root, files)
	if err != nil {
		return err
	}
	b := builder{job: job, opts: opts}
	var suites []junit.Suite
	for _, m := range modules {
		suite := junit.Suite{Name: m.Name()}
		for _, p := range opts.Platforms {
			suite.Cases = append(suite.Cases, b.buildCase(ctx, m, p))
		}
		suites = append(suites, suite)
	}
	return job.Report("gobuild", suites)
}

type builder struct {
	job  checks.Job
	opts Options
}

func (b builder) buildCase(ctx context.Context, m gotool.Module, p Platform) junit.Case {
	defer progress.Watch(30*time.Second, fmt.Sprintf("build %s for %s", m.Name(), p), b.job.Say)()
	start := time.Now()
	c := junit.Case{Name: p.String(), Class: m.Name()}
	findings, empty, err := b.build(ctx, m, p)
	if err != nil {
		findings = append(findings, checks.Finding{Message: err.Error()})
	}
	c.Failure, c.Time = checks.Failure(findings), time.Since(start)
	verdict := "ok  "
	switch {
	case c.Failure != nil:
		verdict = "FAIL"
	case empty:
		verdict, c.Skipped = "?   ", &junit.Message{Line: "no packages for this platform"}
	}
	fmt.Fprintf(b.job.Stdout, "%s %s %s %.2fs\n", verdict, m.Name(), p, c.Time.Seconds())
	return c
}

// build builds all packages, and says if there are none. Without binaries all is
// thrown away; with them the programs are linked once more, into the output.
func (b builder) build(ctx context.Context, m gotool.Module, p Platform) (findings []checks.Finding, empty bool, err error) {
	env := b.environment(p)
	packages, err := m.Packages(ctx, env, b.opts.Flags...)
	if err != nil || len(packages) == 0 {
		return nil, err == nil, err
	}
	findings, err = m.Findings(ctx, env, b.command(os.DevNull, "./...")...)
	if err != nil || len(findings) > 0 || !b.opts.Binaries {
		return findings, false, err
	}
	names := programs(packages)
	for _, program := range slices.Sorted(maps.Keys(names)) {
		found, err := m.Findings(ctx, env, b.command(b.file(m, p, names[program]), program)...)
		if err != nil {
			return findings, false, err
		}
		findings = append(findings, found...)
	}
	return findings, false, nil
}

func (b builder) environment(p Platform) []string {
	cgo := "0"
	if b.opts.Cgo {
		cgo = "1"
	}
	return []string{"GOOS=" + p.OS, "GOARCH=" + p.Arch, "CGO_ENABLED=" + cgo}
}

func (b builder) command(output, pkg string) []string {
	return slices.Concat([]string{"go", "build", "-trimpath"}, b.opts.Flags, []string{"-o", output, pkg})
}

var majorVersion = regexp.MustCompile(`/v\d+$`)

// programs names the file of each program: as go install would, or by the whole
// import path where several would get the same name.
func programs(packages []gotool.Package) map[string]string {
	byName := map[string][]string{}
	for _, p := range packages {
		if p.Name == "main" {
			name := path.Base(majorVersion.ReplaceAllString(p.ImportPath, ""))
			byName[name] = append(byName[name], p.ImportPath)
		}
	}
	files := map[string]string{}
	for name, paths := range byName {
		for _, p := range paths {
			files[p] = name
			if len(paths) > 1 {
				files[p] = strings.ReplaceAll(p, "/", "_")
			}
		}
	}
	return files
}

// file is where a program of a module goes.
func (b builder) file(m gotool.Module, p Platform, name string) string {
	if p.OS == "windows" {
		name += ".exe"
	}
	return b.job.Path(m.Folder, path.Join("bin", p.OS+"_"+p.Arch, name))
}
