package gocheck

import (
	"bytes"
	"context"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/checks/gotool"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/junit"
)

// gofmt formats nothing; it reports what gofmt would change, each file's diff
// under its folder, and the whole in gofmt.diff. Generated files are left to
// their generators.
func (c Checkout) gofmt(ctx context.Context) ([]junit.Suite, error) {
	start := time.Now()
	var (
		findings []checks.Finding
		units    []string
		whole    bytes.Buffer
	)
	for m, files := range c.owners() {
		for _, batch := range checks.Batches(files) {
			diff, found, err := runGofmt(ctx, c.Modules[m], batch)
			if err != nil {
				return nil, err
			}
			whole.Write(diff)
			findings = append(findings, found...)
		}
		for _, file := range files {
			units = append(units, path.Dir(checks.Relative(c.Job.Root, c.Modules[m].Dir(), file)))
		}
	}
	for i, f := range findings {
		findings[i].Unit = path.Dir(f.File)
	}
	suite := checks.Suite("gofmt", units, findings, time.Since(start))
	if whole.Len() == 0 {
		return []junit.Suite{suite}, nil
	}
	return []junit.Suite{suite}, c.Job.Write("", "gofmt.diff", whole.Bytes())
}

// owners gives each module, by its index, the Go files that are to be formatted
// by its Go, named relative to it.
func (c Checkout) owners() [][]string {
	owned := make([][]string, len(c.Modules))
	for _, file := range c.Files {
		if path.Ext(file) != ".go" || gotool.Ignored(file) || gotool.Generated(filepath.Join(c.Job.Root, file)) {
			continue
		}
		m := c.owner(file)
		owned[m] = append(owned[m], relativeTo(c.Modules[m].Folder, file))
	}
	return owned
}

// owner is the innermost module that a file is in, or the first if it is in none.
func (c Checkout) owner(file string) int {
	best, length := 0, -1
	for i, m := range c.Modules {
		folder := strings.TrimPrefix(m.Folder+"/", "./")
		if strings.HasPrefix(file, folder) && len(folder) > length {
			best, length = i, len(folder)
		}
	}
	return best
}

// relativeTo names a file as seen from a folder, both seen from the root.
func relativeTo(folder, file string) string {
	if name, err := filepath.Rel(folder, file); err == nil {
		return filepath.ToSlash(name)
	}
	return file
}

// runGofmt runs the gofmt of the module's own Go over some of its files.
func runGofmt(ctx context.Context, m gotool.Module, files []string) (diff []byte, findings []checks.Finding, err error) {
	goroot, err := m.Output(ctx, nil, "env", "GOROOT")
	if err != nil {
		return nil, nil, err
	}
	var out, said bytes.Buffer
	cmd := m.Command(nil, append([]string{"gofmt", "-d"}, files...)...)
	cmd.Path = filepath.Join(strings.TrimSpace(goroot), "bin", "gofmt")
	cmd.Stdout, cmd.Stderr = &out, &said
	err = exec.Run(ctx, cmd)
	findings = append(m.Parse(said.String()), unformatted(m, out.String())...)
	if err != nil && (len(findings) == 0 || exec.ExitCode(err) < 0) {
		return nil, nil, err
	}
	return out.Bytes(), findings, nil
}

// unformatted makes a finding of each file's part of a diff. gofmt begins a part
// with a line "diff a.go.orig a.go".
func unformatted(m gotool.Module, diff string) []checks.Finding {
	var findings []checks.Finding
	for part := range strings.SplitSeq("\n"+diff, "\ndiff ") {
		name, _, ok := strings.Cut(part, ".orig ")
		if !ok {
			continue
		}
		findings = append(findings, checks.Finding{
			File: checks.Relative(m.Root, m.Dir(), name), Line: firstChange(part),
			Message: "it is not as gofmt formats it\ndiff " + part,
		})
	}
	return findings
}

var hunk = regexp.MustCompile(`(?m)^@@ -(\d+).*\n`)

// firstChange is the line of the file at which a diff first wants another one.
func firstChange(diff string) int {
	match := hunk.FindStringSubmatchIndex(diff)
	if match == nil {
		return 0
	}
	line, _ := strconv.Atoi(diff[match[2]:match[3]])
	for text := range strings.Lines(diff[match[1]:]) {
		if !strings.HasPrefix(text, " ") {
			break
		}
		line++
	}
	return line
}
