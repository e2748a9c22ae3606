package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"slipway.dev/slipway/internal/junit"
	"slipway.dev/slipway/internal/sandbox"
	"slipway.dev/slipway/packagebuild"
	"slipway.dev/slipway/packagebuild/lint"
	"slipway.dev/slipway/packagebuild/root"
)

// lintTarget is the root that linters run in: what is in a package is not to be
// trusted more than the code that made it.
var lintTarget = packagebuild.Target{
	Name: "lint", Format: "deb", Arch: nativeArch, Root: packagebuild.Root{Suite: "bookworm"},
}

// lint writes the linters' findings into a JUnit file, and returns its path.
func (r run) lint(ctx context.Context, packages []packagebuild.Package) (string, error) {
	r.log.Infof("%s: linting", r.req.Target.Name)
	linters, err := r.linters(ctx)
	if err != nil {
		return "", fmt.Errorf("make the root for linters: %w", err)
	}
	reports, err := lint.Run(ctx, linters, packages)
	if missing(err) {
		r.log.Warnf("%s: nothing is linted: %v", r.req.Target.Name, err)
		return "", nil
	}
	if err != nil {
		return "", err
	}
	path := filepath.Join(r.Logs, "junit_lint_"+r.req.Target.Name+".xml")
	f, err := os.Create(path)
	if err != nil {
		return "", fmt.Errorf("write the lint report: %w", err)
	}
	return path, errors.Join(junit.Write(f, lint.Suites(reports)), f.Close())
}

// missing says that linters are not installed, or that this machine has no sandbox to
// run them in: packages can do without.
func missing(err error) bool {
	return errors.Is(err, lint.ErrMissing) || errors.Is(err, sandbox.ErrUnavailable)
}

// linters runs them in a root of their own, or where the build runs in this
// machine's root, there: rpmlint runs code of the package, so it sees no more than
// the build did.
func (r run) linters(ctx context.Context) (lint.Runner, error) {
	if r.Roots == nil {
		return rootLinters{layers: r.room.layers, masks: r.room.masks, work: r.Work}, nil
	}
	made, err := r.Roots.Root(ctx, lintTarget, root.Needs{Dependencies: []string{"lintian", "rpmlint"}})
	if err != nil {
		return nil, err
	}
	return rootLinters{layers: made.Layers, work: r.Work}, nil
}

type rootLinters struct {
	layers []string
	masks  []string
	work   string
}

func (l rootLinters) Run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	var out bytes.Buffer
	err := sandbox.Run(ctx, sandbox.Config{
		Lower: l.layers, Masks: l.masks, Work: l.work, Dir: packagebuild.BuildRoot,
		Binds: []sandbox.Bind{{Source: dir, Target: packagebuild.BuildRoot, ReadOnly: true}},
		Args:  args, Env: lintEnv, Stdout: &out,
	})
	return out.Bytes(), err
}

var lintEnv = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/nonexistent", "TZ=UTC"}
