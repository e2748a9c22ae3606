// Package gotool runs the go command in the modules of a checkout, and reads what
// it says.
//
// A repository may hold several modules, and the go command looks at one at a time,
// so every module gets its own runs. Which Go, proxy and flags are used is the
// environment's and the module's business, as it is for a developer.
package gotool

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/exec"
)

// Module is one module of a checkout.
type Module struct {
	Root   string   // the checkout, absolute
	Folder string   // of go.mod, relative to Root, with slashes; "." is Root
	env    []string // more than the caller's environment
}

// Package is one package of a module.
type Package struct {
	ImportPath string
	Name       string // main, for a program
	Dir        string // absolute
}

// Modules finds the modules among the files of a checkout. vendor and testdata
// hold other people's, and folders that begin with _ or . are not Go's.
func Modules(ctx context.Context, root string, files []string) ([]Module, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return nil, fmt.Errorf("go is not installed; see https://go.dev/doc/install")
	}
	var modules []Module
	for _, file := range files {
		if path.Base(file) != "go.mod" || Ignored(file) {
			continue
		}
		m := Module{Root: root, Folder: path.Dir(file)}
		if !m.inWorkspace(ctx) {
			m.env = []string{"GOWORK=off"}
		}
		modules = append(modules, m)
	}
	if len(modules) == 0 {
		return nil, fmt.Errorf("there is no go.mod below %s, so there is nothing to check", root)
	}
	return modules, nil
}

// Ignored says whether Go ignores a file because of the folders that it is in.
func Ignored(file string) bool {
	folders := strings.Split(file, "/")
	return slices.ContainsFunc(folders[:len(folders)-1], func(f string) bool {
		return f == "vendor" || f == "testdata" || strings.HasPrefix(f, "_") || strings.HasPrefix(f, ".")
	})
}

// inWorkspace says whether the module is one of its go.work's, if it has one. One
// that is not can be looked at only by itself.
func (m Module) inWorkspace(ctx context.Context) bool {
	work, err := m.Output(ctx, nil, "env", "GOWORK")
	if work = strings.TrimSpace(work); err != nil || work == "" || work == "off" {
		return true
	}
	members, err := m.Output(ctx, nil, "list", "-m", "-f", "{{.Dir}}")
	return err != nil || slices.Contains(strings.Split(members, "\n"), m.Dir())
}

// Name names the module in reports: its go.mod, relative to the checkout.
func (m Module) Name() string { return path.Join(m.Folder, "go.mod") }

// Dir is the absolute folder of the module.
func (m Module) Dir() string { return filepath.Join(m.Root, filepath.FromSlash(m.Folder)) }

// Command is a program to be run in the module.
func (m Module) Command(env []string, args ...string) exec.Cmd {
	return exec.Cmd{Args: args, Dir: m.Dir(), Env: slices.Concat(os.Environ(), m.env, env), Grace: grace}
}

// Output runs the go command and returns what it printed.
func (m Module) Output(ctx context.Context, env []string, args ...string) (string, error) {
	out, err := exec.Output(ctx, m.Command(env, append([]string{"go"}, args...)...))
	return string(out), err
}

// Packages lists the module's packages, the ones that are broken too.
func (m Module) Packages(ctx context.Context, env []string, flags ...string) ([]Package, error) {
	args := slices.Concat([]string{"list", "-e"}, flags, []string{"-f", "{{.ImportPath}}\t{{.Name}}\t{{.Dir}}", "./..."})
	out, err := m.Output(ctx, env, args...)
	if err != nil {
		return nil, err
	}
	var packages []Package
	for line := range strings.Lines(out) {
		if fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(fields) == 3 {
			packages = append(packages, Package{ImportPath: fields[0], Name: fields[1], Dir: fields[2]})
		}
	}
	return packages, nil
}

// Findings runs a program of Go's that writes like the compiler, such as go vet,
// and returns what it found. A program that failed and said nothing that can be
// read is one finding about the module.
func (m Module) Findings(ctx context.Context, env []string, args ...string) ([]checks.Finding, error) {
	var out bytes.Buffer
	c := m.Command(env, args...)
	c.Stdout, c.Stderr = io.Discard, &out
	err := exec.Run(ctx, c)
	if err == nil || exec.ExitCode(err) < 0 {
		return nil, err
	}
	findings := m.Parse(out.String())
	if len(findings) == 0 {
		findings = []checks.Finding{{Unit: m.Name(), Message: strings.TrimSpace(err.Error() + "\n" + out.String())}}
	}
	return findings, nil
}
