// Package pycheck checks the Python code of a checkout: that every file compiles,
// what flake8 says of it, and its tests, by pytest or else by unittest.
//
// Python files are those named *.py and the scripts whose first line asks for
// Python 3. Nothing is written into the checkout: no byte code and no caches.
package pycheck

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/junit"
)

// Defaults are the checks that run unless others are named.
var Defaults = []string{"compile", "flake8", "test"}

// compile.py reads file names and writes a line of JSON for each that does not compile.
//
//go:embed compile.py
var compilePy string

// grace is what Python has to end in.
const grace = 5 * time.Second

// Checkout is what the checks look at.
type Checkout struct {
	Job   checks.Job
	Files []string // Python files
}

// Open finds the Python files of a checkout.
func Open(ctx context.Context, job checks.Job) (Checkout, error) {
	if _, err := exec.LookPath("python3"); err != nil {
		return Checkout{}, errors.New("python3 is not installed; run: apt-get install --no-install-recommends python3")
	}
	files, err := checks.Files(ctx, job.Root)
	if err != nil {
		return Checkout{}, err
	}
	c := Checkout{Job: job}
	for _, file := range files {
		if !checks.In(file, "vendor", "node_modules") && isPython(job.Root, file) {
			c.Files = append(c.Files, file)
		}
	}
	if len(c.Files) == 0 {
		return c, fmt.Errorf("there is no Python file below %s, so there is nothing to check", job.Root)
	}
	return c, nil
}

var shebang = regexp.MustCompile(`^#! *\S*(/env +(-\S+ +)*|/)python3[0-9.]*\s`)

// isPython says whether a file is Python's by its name, or by its first line if its
// name says nothing.
func isPython(root, file string) bool {
	if extension := path.Ext(file); extension != "" {
		return extension == ".py"
	}
	f, err := os.Open(filepath.Join(root, file))
	if err != nil {
		return false
	}
	defer f.Close()
	first := make([]byte, 128)
	n, _ := io.ReadFull(f, first)
	return shebang.Match(first[:n])
}

// Checks are all checks, in the order in which they run: the quick ones first.
func (c Checkout) Checks() []checks.Check {
	return []checks.Check{
		{Name: "compile", Run: c.compile},
		{Name: "flake8", Run: c.flake8},
		{Name: "test", Run: c.test},
	}
}

// command is a program to be run at the checkout's root.
func (c Checkout) command(args ...string) exec.Cmd {
	return exec.Cmd{Args: args, Dir: c.Job.Root, Grace: grace, Env: append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")}
}

func (c Checkout) compile(ctx context.Context) ([]junit.Suite, error) {
	start := time.Now()
	cmd := c.command("python3", "-c", compilePy)
	cmd.Stdin = strings.NewReader(strings.Join(c.Files, "\x00"))
	out, err := exec.Output(ctx, cmd)
	if err != nil {
		return nil, err
	}
	var findings []checks.Finding
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var f checks.Finding
		if err := decoder.Decode(&f); err != nil {
			return nil, fmt.Errorf("read what compile.py found: %w", err)
		}
		f.Unit = f.File
		findings = append(findings, f)
	}
	return []junit.Suite{checks.Suite("compile", c.Files, findings, time.Since(start))}, nil
}

// flake8 uses the repository's own configuration, as flake8 finds it.
func (c Checkout) flake8(ctx context.Context) ([]junit.Suite, error) {
	if _, err := exec.LookPath("flake8"); err != nil {
		return nil, errors.New("flake8 is not installed; run: apt-get install --no-install-recommends flake8")
	}
	start := time.Now()
	var findings []checks.Finding
	for _, batch := range checks.Batches(c.Files) {
		var out, said bytes.Buffer
		cmd := c.command(append([]string{"flake8", "--"}, batch...)...)
		cmd.Stdout, cmd.Stderr = &out, &said
		failed := exec.Run(ctx, cmd)
		found := c.parse(out.String())
		if failed != nil && len(found) == 0 {
			return nil, fmt.Errorf("%w\n%s", failed, strings.TrimSpace(said.String()))
		}
		findings = append(findings, found...)
	}
	return []junit.Suite{checks.Suite("flake8", c.Files, findings, time.Since(start))}, nil
}

// parse reads flake8's report: file:line:column: code message.
func (c Checkout) parse(report string) []checks.Finding {
	var findings []checks.Finding
	for line := range strings.Lines(report) {
		if f, ok := checks.ParseFinding(c.Job.Root, c.Job.Root, strings.TrimSpace(line)); ok {
			f.Unit = f.File
			findings = append(findings, f)
		}
	}
	return findings
}
