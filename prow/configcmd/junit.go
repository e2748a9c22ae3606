package configcmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/junit"
	"slipway.dev/slipway/prow/configcheck"
)

// reportFile is what Spyglass shows, in $ARTIFACTS.
const reportFile = "junit_config_check.xml"

// writeJUnit writes a case for each rule, so that a board shows which one is broken.
func writeJUnit(folder string, findings []configcheck.Finding) (err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	file, err := os.Create(filepath.Join(folder, reportFile))
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return junit.Write(file, []junit.Suite{{Name: "config-check", Cases: cases(findings)}})
}

func cases(findings []configcheck.Finding) []junit.Case {
	texts := map[string][]string{}
	var names []string
	for _, r := range configcheck.Rules() {
		names = append(names, r.Name)
	}
	for _, f := range findings {
		if !slices.Contains(names, f.Rule) { // what is no rule of ours
			names = append(names, f.Rule)
		}
		texts[f.Rule] = append(texts[f.Rule], f.String())
	}
	var all []junit.Case
	for _, name := range names {
		c := junit.Case{Name: name, Class: "rule"}
		if lines := texts[name]; len(lines) > 0 {
			c.Failure = &junit.Message{Line: lines[0], Text: strings.Join(lines, "\n")}
		}
		all = append(all, c)
	}
	return all
}
