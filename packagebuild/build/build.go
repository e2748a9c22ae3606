// Package build runs a target's plan in a clean root and hands out what was
// checked: packages, their SBOMs, a provenance statement and the root's lock.
//
// The repository's own code runs only in the sandbox, with an environment made
// here from nothing: it sees its sources, the root and a Go module cache, and
// neither credentials nor, unless the target's row says so, the network.
package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"

	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/packagebuild"
	"slipway.dev/slipway/packagebuild/deb"
	"slipway.dev/slipway/packagebuild/golang"
	"slipway.dev/slipway/packagebuild/goo"
	"slipway.dev/slipway/packagebuild/root"
	"slipway.dev/slipway/packagebuild/rpm"
)

// Builder builds packages on this machine.
type Builder struct {
	Roots        *root.Manager // nil builds in this machine's own root (--root host)
	Go           golang.Config
	Work         string        // scratch folder, on a real file system
	Logs         string        // where build logs and lint reports go
	ID           string        // who builds, for the provenance: a URI
	Secrets      []string      // absolute paths of files and folders that --root host must hide too
	Timeout      time.Duration // of each step; 0 is DefaultTimeout
	MayBeBare    bool          // where namespaces are refused, --root host builds without isolation: beside no credential only
	Lint         bool          // run lintian and rpmlint on what was built
	Reproducible bool          // build twice and compare the bytes
	Log          *logrus.Entry
}

// DefaultTimeout is what a step of a build may take, as Prow's jobs may.
const DefaultTimeout = 2 * time.Hour

// File is something that a build leaves behind.
type File struct {
	Path    string
	Kind    release.Kind
	Package *packagebuild.Package // of packages alone
}

// Result is what was built for one target.
type Result struct {
	Target string
	Root   string   // what it was built in
	Notes  []string // what a reader should know
	Files  []File   // packages first
}

func formatOf(t packagebuild.Target) (packagebuild.Format, error) {
	switch t.Format {
	case "deb":
		return deb.New(), nil
	case "rpm":
		return rpm.New(), nil
	case "goo":
		return goo.New(), nil
	}
	return nil, fmt.Errorf("target %s has format %q, which nobody builds", t.Name, t.Format)
}

// Plan says what Build would do, and does nothing.
func Plan(req packagebuild.Request) (packagebuild.Plan, error) {
	format, err := formatOf(req.Target)
	if err != nil {
		return packagebuild.Plan{}, err
	}
	return format.Plan(req)
}

// Build builds one target into out, a folder that exists.
func (b *Builder) Build(ctx context.Context, req packagebuild.Request, out string) (Result, error) {
	format, err := formatOf(req.Target)
	if err != nil {
		return Result{}, err
	}
	plan, err := format.Plan(req)
	if err != nil {
		return Result{}, err
	}
	started := time.Now()
	log := b.Log.WithField("target", req.Target.Name)
	room, err := b.prepare(ctx, req, plan)
	if err != nil {
		return Result{}, err
	}
	log.Infof("%s: building in %s", req.Target.Name, room.description)
	r := run{Builder: b, req: req, plan: plan, format: format, room: room, log: log}
	packages, err := r.build(ctx, out)
	if err != nil {
		return Result{}, err
	}
	result, err := r.describe(ctx, packages, out)
	if err == nil {
		log.Infof("%s: built %d packages in %.1f s", req.Target.Name, len(packages), time.Since(started).Seconds())
	}
	return result, err
}

// run is one target's build under way.
type run struct {
	*Builder
	req    packagebuild.Request
	plan   packagebuild.Plan
	format packagebuild.Format
	room   room
	log    *logrus.Entry
}

// build makes the packages, checks each, and makes them again where that is asked for.
func (r run) build(ctx context.Context, out string) ([]packagebuild.Package, error) {
	paths, err := r.once(ctx, out, r.logName())
	if err != nil {
		return nil, err
	}
	packages, err := r.check(paths)
	if err != nil || !r.Reproducible {
		return packages, err
	}
	return packages, r.again(ctx, paths)
}

func (r run) logName() string { return "build-log-" + r.req.Target.Name + ".txt" }

// once stages the sources, runs the plan's steps and collects packages into out.
func (r run) once(ctx context.Context, out, logName string) (paths []string, err error) {
	dir, err := os.MkdirTemp(r.Work, r.req.Target.Name+"-")
	if err != nil {
		return nil, fmt.Errorf("make a build folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := r.format.Stage(r.req, r.plan, dir); err != nil {
		return nil, fmt.Errorf("stage sources: %w", err)
	}
	if err := r.steps(ctx, dir, logName); err != nil {
		return nil, err
	}
	paths, err = r.format.Collect(r.req, r.plan, dir, out)
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("the build ended well but made no package; see %s", filepath.Join(r.Logs, logName))
	}
	return paths, err
}

// check opens each package and compares it with what was asked for.
func (r run) check(paths []string) ([]packagebuild.Package, error) {
	packages := make([]packagebuild.Package, 0, len(paths))
	for _, path := range paths {
		pkg, err := r.format.Inspect(path)
		if err == nil {
			err = r.format.Verify(r.req, pkg)
		}
		if err != nil {
			return nil, fmt.Errorf("check %s: %w", filepath.Base(path), err)
		}
		packages = append(packages, pkg)
	}
	return packages, nil
}

// Inspect opens a package of any format, by its file name's ending.
func Inspect(path string) (packagebuild.Package, error) {
	endings := map[string]packagebuild.Format{".deb": deb.New(), ".ddeb": deb.New(), ".rpm": rpm.New(), ".goo": goo.New()}
	format, ok := endings[filepath.Ext(path)]
	if !ok {
		return packagebuild.Package{}, fmt.Errorf("inspect %s: its name ends in none of .deb, .rpm, .goo", path)
	}
	pkg, err := format.Inspect(path)
	if err != nil {
		return pkg, fmt.Errorf("inspect %s: %w", path, err)
	}
	return pkg, nil
}
