package lint

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// rpmlintLine is a finding as rpmlint prints it: package.arch: E: tag details,
// with a line number after the name of a spec.
var rpmlintLine = regexp.MustCompile(`^\S.*?:(?:\d+:)? ([EWI]): (\S+)(?: (.*))?$`)

// rpmlintSummary is its last line; without it the output was cut off.
var rpmlintSummary = regexp.MustCompile(`(?m)^\s*\d+ packages and \d+ specfiles checked; .*$`)

var rpmlintSeverity = map[string]Severity{"E": Error, "W": Warning, "I": Info}

// rpmlint lints one file: it names packages by name and architecture, so that
// those of two targets could not be told apart.
func rpmlint(ctx context.Context, runner Runner, path string) (Report, error) {
	report := Report{Package: filepath.Base(path), Linter: "rpmlint"}
	out, err := run(ctx, runner, filepath.Dir(path), "rpmlint", report.Package)
	if !exited(err) {
		return Report{}, fmt.Errorf("lint %s: %w", path, err)
	}
	// It exits 64 when it finds errors: the summary tells that it got through.
	if !rpmlintSummary.Match(out) {
		report.Findings = []Finding{unread(fmt.Sprintf("%s\n%v", out, err))}
		return report, nil
	}
	report.Findings = parseRpmlint(out)
	return report, nil
}

// parseRpmlint reads findings. A line that is none goes on with the finding above it.
func parseRpmlint(out []byte) []Finding {
	findings := []Finding{}
	out = out[:rpmlintSummary.FindIndex(out)[0]]
	for line := range bytes.Lines(out) {
		text := strings.TrimRight(string(line), "\r\n ")
		if match := rpmlintLine.FindStringSubmatch(text); match != nil {
			findings = append(findings, Finding{Severity: rpmlintSeverity[match[1]], Tag: match[2], Details: match[3]})
		} else if len(findings) > 0 && text != "" {
			last := &findings[len(findings)-1]
			last.Details = strings.TrimSpace(last.Details + "\n" + text)
		}
	}
	return findings
}
