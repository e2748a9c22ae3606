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
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/junit"
)

// unittests.py runs what unittest discovers and writes a line of JSON for each test.
//
//go:embed unittests.py
var unittestsPy string

// patterns are the names of files with tests, as pytest knows them.
var patterns = []string{"test_*.py", "*_test.py"}

// noTests is the exit code of pytest that collected no test.
const noTests = 5

func (c Checkout) hasTests() bool {
	return slices.ContainsFunc(c.Files, func(file string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			ok, _ := path.Match(pattern, path.Base(file))
			return ok
		})
	})
}

// test runs the tests, and is skipped where there are none.
func (c Checkout) test(ctx context.Context) ([]junit.Suite, error) {
	if !c.hasTests() {
		return []junit.Suite{{Name: "test", Cases: []junit.Case{{
			Name: "tests", Skipped: &junit.Message{Line: "there is no " + strings.Join(patterns, " and no ")},
		}}}}, nil
	}
	if exec.Run(ctx, c.command("python3", "-c", "import pytest")) == nil {
		return c.pytest(ctx)
	}
	return c.unittest(ctx)
}

// pytest reads the report that pytest writes, so that a broken one shows, and what
// it prints goes into pytest.log.
func (c Checkout) pytest(ctx context.Context) ([]junit.Suite, error) {
	work, err := os.MkdirTemp("", "pycheck-")
	if err != nil {
		return nil, fmt.Errorf("make a scratch folder: %w", err)
	}
	defer os.RemoveAll(work)
	report := filepath.Join(work, "junit.xml")
	cmd := c.command("python3", "-m", "pytest", "-p", "no:cacheprovider", "--junitxml", report)
	log, failed := c.logged(ctx, cmd, "pytest.log")
	if exec.ExitCode(failed) == noTests {
		return nil, errors.New("pytest found no tests in the files that are named like tests")
	}
	f, err := os.Open(report)
	if err != nil {
		return nil, errors.Join(failed, errors.New(log))
	}
	defer f.Close()
	suites, err := junit.Read(f)
	return verdict(bounded(suites), errors.Join(err, failed))
}

// verdict drops the error of a run whose cases show that it failed.
func verdict(suites []junit.Suite, err error) ([]junit.Suite, error) {
	if slices.ContainsFunc(suites, func(s junit.Suite) bool { return s.Failed() > 0 }) {
		return suites, nil
	}
	return suites, err
}

// logged runs a program and writes what it said into a log of the output, and
// returns it, shortened, for errors.
func (c Checkout) logged(ctx context.Context, cmd exec.Cmd, name string) (log string, failed error) {
	said := &checks.Clipped{Max: 16 << 20}
	if cmd.Stdout == nil {
		cmd.Stdout = said
	}
	cmd.Stderr = said
	failed = exec.Run(ctx, cmd)
	if err := c.Job.Write("", name, []byte(said.String())); err != nil {
		failed = errors.Join(failed, err)
	}
	return checks.Clip(said.String(), checks.MaxText), failed
}

// bounded cuts what cases say to a size that can be shown.
func bounded(suites []junit.Suite) []junit.Suite {
	for _, s := range suites {
		for i, c := range s.Cases {
			s.Cases[i].Output = checks.Clip(c.Output, checks.MaxText)
			if c.Failure != nil {
				c.Failure.Text = checks.Clip(c.Failure.Text, checks.MaxText)
			}
		}
	}
	return suites
}

// ran is one line of unittests.py.
type ran struct {
	Name, Status, Text string
	Seconds            float64
}

func (c Checkout) unittest(ctx context.Context) ([]junit.Suite, error) {
	var out bytes.Buffer
	cmd := c.command(append([]string{"python3", "-c", unittestsPy}, patterns...)...)
	cmd.Stdout = &out
	log, failed := c.logged(ctx, cmd, "unittest.log")
	if failed != nil {
		failed = errors.Join(failed, errors.New(log))
	}
	suite, err := readUnittests(&out)
	return bounded([]junit.Suite{suite}), errors.Join(failed, err)
}

// readUnittests reads what unittests.py reports, whose last line says that it is.
func readUnittests(report io.Reader) (junit.Suite, error) {
	suite := junit.Suite{Name: "unittest"}
	for decoder := json.NewDecoder(report); ; {
		var r ran
		err := decoder.Decode(&r)
		switch {
		case errors.Is(err, io.EOF):
			return suite, errors.New("unittest ended before its tests did")
		case err != nil:
			return suite, fmt.Errorf("read what unittest reports: %w", err)
		case r.Status == "end" && len(suite.Cases) == 0:
			return suite, errors.New("unittest found no tests in the files that are named like tests")
		case r.Status == "end":
			return suite, nil
		}
		suite.Cases = append(suite.Cases, r.testCase())
	}
}

func (r ran) testCase() junit.Case {
	class, name := "", r.Name
	if dot := strings.LastIndex(strings.SplitN(r.Name, " ", 2)[0], "."); dot >= 0 {
		class, name = r.Name[:dot], r.Name[dot+1:]
	}
	c := junit.Case{Name: name, Class: class, Time: time.Duration(r.Seconds * float64(time.Second))}
	switch r.Status {
	case "failed":
		last := strings.TrimSpace(r.Text)
		c.Failure = &junit.Message{Line: last[strings.LastIndex(last, "\n")+1:], Text: r.Text}
	case "skipped":
		c.Skipped = &junit.Message{Line: r.Text}
	}
	return c
}
