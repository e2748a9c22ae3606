// Package gocheck checks the style and the sense of Go code: gofmt, go vet,
// staticcheck, and whether go.mod is tidy.
//
// Every module of the checkout is checked, and each check counts its findings by
// package, so that a board shows which package is in a bad state and since when.
package gocheck

import (
	"context"
	"time"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/checks/gotool"
	"slipway.dev/slipway/internal/junit"
)

// Defaults are the checks that run unless others are named. The rest need more:
// tidy downloads modules that a build does not.
var Defaults = []string{"gofmt", "vet", "staticcheck"}

// Checkout is what the checks look at.
type Checkout struct {
	Job     checks.Job
	Files   []string
	Modules []gotool.Module
}

// Open finds the modules of a checkout.
func Open(ctx context.Context, job checks.Job) (Checkout, error) {
	files, err := checks.Files(ctx, job.Root)
	if err != nil {
		return Checkout{}, err
	}
	modules, err := gotool.Modules(ctx, job.Root, files)
	return Checkout{Job: job, Files: files, Modules: modules}, err
}

// Checks are all checks, in the order in which they run: the quick ones first.
func (c Checkout) Checks() []checks.Check {
	return []checks.Check{
		{Name: "gofmt", Run: c.gofmt},
		{Name: "tidy", Run: c.inModules(tidy)},
		{Name: "vet", Run: c.inModules(vet)},
		{Name: "staticcheck", Run: c.inModules(staticcheck)},
	}
}

// look is a check of one module that counts its findings by package.
type look func(ctx context.Context, m gotool.Module) ([]checks.Finding, []gotool.Package, error)

// inModules looks at every module; one that cannot be looked at is a finding.
func (c Checkout) inModules(look look) func(context.Context) ([]junit.Suite, error) {
	return func(ctx context.Context) ([]junit.Suite, error) {
		var suites []junit.Suite
		for _, m := range c.Modules {
			start := time.Now()
			findings, packages, err := look(ctx, m)
			if ctx.Err() != nil {
				return suites, err
			}
			if err != nil {
				findings = append(findings, checks.Finding{Unit: m.Name(), Message: err.Error()})
			}
			units := append([]string{m.Name()}, gotool.ImportPaths(packages)...)
			suites = append(suites, checks.Suite(m.Name(), units, findings, time.Since(start)))
		}
		return suites, nil
	}
}

func vet(ctx context.Context, m gotool.Module) ([]checks.Finding, []gotool.Package, error) {
	packages, err := m.Packages(ctx, nil)
	if err != nil || len(packages) == 0 {
		return nil, nil, err
	}
	findings, err := m.Findings(ctx, nil, "go", "vet", "./...")
	return m.InPackages(findings, packages), packages, err
}

// tidy wants go.mod and go.sum to be what `go mod tidy` makes of them.
func tidy(ctx context.Context, m gotool.Module) ([]checks.Finding, []gotool.Package, error) {
	diff, err := m.Output(ctx, nil, "mod", "tidy", "-diff")
	if diff == "" {
		return nil, nil, err
	}
	return []checks.Finding{{
		Unit: m.Name(), File: checks.Relative(m.Root, m.Dir(), "go.mod"), Line: 1,
		Message: "it is not tidy; run: go mod tidy\n" + diff,
	}}, nil, nil
}
