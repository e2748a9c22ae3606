package gotool

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"slipway.dev/slipway/internal/checks"
)

// grace is what a run of Go's has to end its children in.
const grace = 5 * time.Second

var (
	header = regexp.MustCompile(`^# (\S+)(?: \[.*\])?$`)
	noise  = regexp.MustCompile(`^(go: (downloading|finding|extracting|warning:) .*|exit status \d+|FAIL|)$`)
)

// Parse reads what the compiler, go vet or the go command itself wrote: findings
// below a header that names their package, lines that begin with a tab and belong
// to the one before, and errors about packages that could not be loaded.
func (m Module) Parse(text string) []checks.Finding {
	var (
		findings []checks.Finding
		unit     = m.Name()
	)
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if match := header.FindStringSubmatch(line); match != nil {
			unit = match[1]
			continue
		}
		if noise.MatchString(line) {
			continue
		}
		if last := len(findings) - 1; last >= 0 && strings.HasPrefix(line, "\t") {
			findings[last].Message += "\n" + line
			continue
		}
		findings = append(findings, m.finding(unit, line))
	}
	return findings
}

func (m Module) finding(unit, line string) checks.Finding {
	f, ok := checks.ParseFinding(m.Root, m.Dir(), strings.TrimPrefix(line, "vet: "))
	if !ok {
		f.Message = line
	}
	f.Unit = unit
	return f
}

// InPackages moves findings to the package that their file is of, so that JUnit
// counts them there. Headers do not say it: go vet writes one for some packages only.
func (m Module) InPackages(findings []checks.Finding, packages []Package) []checks.Finding {
	byDir := map[string]string{}
	for _, p := range packages {
		byDir[p.Dir] = p.ImportPath
	}
	for i, f := range findings {
		if p := byDir[filepath.Dir(filepath.Join(m.Root, f.File))]; p != "" && f.File != "" {
			findings[i].Unit = p
		}
	}
	return findings
}

// ImportPaths are the names of packages.
func ImportPaths(packages []Package) []string {
	var paths []string
	for _, p := range packages {
		paths = append(paths, p.ImportPath)
	}
	return paths
}

// Generated says whether a Go file says of itself that a program wrote it. Of one
// that cannot be parsed nobody knows.
func Generated(file string) bool {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
	return err == nil && ast.IsGenerated(parsed)
}
