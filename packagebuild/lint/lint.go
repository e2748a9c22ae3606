// Package lint runs the distributions' own linters on packages and turns what
// they say into findings, and those into JUnit.
//
// Lintian reads deb, rpmlint reads rpm; goo has no linter, so a few checks of our
// own stand in. A package that a linter could not read is a finding of that
// package, and the others are linted all the same; an error means that no verdict
// was reached at all.
package lint

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/packagebuild"
)

// Severity is how much a finding matters, in lintian's words.
type Severity string

// The severities that both linters have. Lintian's pedantic, classification and
// experimental ones pass through as they are.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Finding is one thing that a linter said of a package.
type Finding struct {
	Severity   Severity
	Tag        string // no-copyright-file
	Details    string // may be empty
	File       string // in the package; may be empty
	Overridden bool   // the package says that it knows, and why
}

func (f Finding) String() string {
	words := []string{strings.ToUpper(fmt.Sprintf("%.1s:", f.Severity)), f.Tag}
	if f.Details != "" {
		words = append(words, f.Details)
	}
	if f.File != "" {
		words = append(words, "["+f.File+"]")
	}
	if f.Overridden {
		words = append(words, "(overridden)")
	}
	return strings.Join(words, " ")
}

// Report is what was found in one package.
type Report struct {
	Package  string // file name
	Linter   string // lintian, rpmlint or slipway
	Time     time.Duration
	Findings []Finding
}

// Errors are the findings that a package should not be released with.
func (r Report) Errors() []Finding {
	var errs []Finding
	for _, f := range r.Findings {
		if f.Severity == Error && !f.Overridden {
			errs = append(errs, f)
		}
	}
	return errs
}

// Runner runs a linter where it is installed, with dir, a folder of this
// machine, as its working folder, and returns what it wrote to standard output.
// A linter that exits with a code other than 0 is an *exec.Error.
type Runner interface {
	Run(ctx context.Context, dir string, args ...string) ([]byte, error)
}

// ErrMissing is a linter that is not installed where it should run.
var ErrMissing = errors.New("the linter is not installed")

// timeout bounds one call of a linter. Lintian takes seconds even on kernels.
const timeout = 10 * time.Minute

// Run lints packages of one build and returns a report each, in their order.
func Run(ctx context.Context, runner Runner, packages []packagebuild.Package) ([]Report, error) {
	reports := make([]Report, len(packages))
	var debs []int
	for i, pkg := range packages {
		reports[i].Package = filepath.Base(pkg.Path)
		var err error
		switch pkg.Format {
		case "deb":
			debs = append(debs, i)
		case "rpm":
			reports[i], err = timed(func() (Report, error) { return rpmlint(ctx, runner, pkg.Path) })
		case "goo":
			reports[i], err = timed(func() (Report, error) { return checkGoo(pkg.Path) })
		default:
			err = fmt.Errorf("lint %s: nobody lints format %q", pkg.Path, pkg.Format)
		}
		if err != nil {
			return nil, err
		}
	}
	return reports, lintDebs(ctx, runner, packages, debs, reports)
}

// lintDebs lints the packages at the given indexes together: lintian takes a
// second to start.
func lintDebs(ctx context.Context, runner Runner, packages []packagebuild.Package, indexes []int, reports []Report) error {
	byDir := map[string][]int{}
	for _, i := range indexes {
		dir := filepath.Dir(packages[i].Path)
		byDir[dir] = append(byDir[dir], i)
	}
	for dir, here := range byDir {
		names := make([]string, len(here))
		for n, i := range here {
			names[n] = reports[i].Package
		}
		start := time.Now()
		found, err := lintian(ctx, runner, dir, names)
		if err != nil {
			return err
		}
		each := time.Since(start) / time.Duration(len(here))
		for _, i := range here {
			reports[i].Linter, reports[i].Time = "lintian", each
			reports[i].Findings = found[reports[i].Package]
		}
	}
	return nil
}

func timed(lint func() (Report, error)) (Report, error) {
	start := time.Now()
	report, err := lint()
	report.Time = time.Since(start)
	return report, err
}

// run calls a linter within the time that it has.
func run(ctx context.Context, runner Runner, dir string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("%s took longer than %s", args[0], timeout))
	defer cancel()
	out, err := runner.Run(ctx, dir, args...)
	if exec.IsNotFound(err) {
		return nil, fmt.Errorf("%w: install the Debian package %s", ErrMissing, args[0])
	}
	return out, err
}

// exited says whether the linter itself ran to an end, of whatever kind. Codes
// from 125 on are those of shells and sandboxes: not started, or killed.
func exited(err error) bool {
	code := exec.ExitCode(err)
	return err == nil || 0 <= code && code < 125
}

// unread is the finding of a package that a linter could not read.
func unread(why string) Finding {
	return Finding{Severity: Error, Tag: "unreadable-package", Details: strings.TrimSpace(why)}
}
