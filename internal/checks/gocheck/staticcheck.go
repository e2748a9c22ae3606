package gocheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/checks/gotool"
	"slipway.dev/slipway/internal/exec"
)

// StaticcheckVersion is the version that the job image has.
const StaticcheckVersion = "v0.8.2"

// problem is one line of `staticcheck -f json`.
type problem struct {
	Code     string `json:"code"`
	Location struct {
		File   string `json:"file"`
		Line   int    `json:"line"`
		Column int    `json:"column"`
	} `json:"location"`
	Message string `json:"message"`
}

func staticcheck(ctx context.Context, m gotool.Module) ([]checks.Finding, []gotool.Package, error) {
	if _, err := exec.LookPath("staticcheck"); err != nil {
		return nil, nil, fmt.Errorf("staticcheck is not installed; run: go install honnef.co/go/tools/cmd/staticcheck@%s", StaticcheckVersion)
	}
	packages, err := m.Packages(ctx, nil)
	if err != nil || len(packages) == 0 {
		return nil, nil, err
	}
	var out, said bytes.Buffer
	cmd := m.Command(nil, "staticcheck", "-f", "json", "./...")
	cmd.Stdout, cmd.Stderr = &out, &said
	failed := exec.Run(ctx, cmd)
	findings, err := readProblems(m, &out)
	if failed != nil && len(findings) == 0 {
		err = errors.Join(err, failed, errors.New(strings.TrimSpace(said.String())))
	}
	return m.InPackages(findings, packages), packages, err
}

// readProblems reads staticcheck's report. What does not compile is told in the
// compiler's words, as one problem that names no file.
func readProblems(m gotool.Module, report io.Reader) ([]checks.Finding, error) {
	var findings []checks.Finding
	for decoder := json.NewDecoder(report); ; {
		var p problem
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return findings, nil
		}
		if err != nil {
			return findings, fmt.Errorf("read staticcheck's report: %w", err)
		}
		if p.Location.File == "" {
			findings = append(findings, m.Parse(p.Message)...)
			continue
		}
		findings = append(findings, checks.Finding{
			Unit: m.Name(), File: checks.Relative(m.Root, m.Dir(), p.Location.File),
			Line: p.Location.Line, Column: p.Location.Column, Message: fmt.Sprintf("%s (%s)", p.Message, p.Code),
		})
	}
}
