package releasecmd

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/junit"
)

// report leaves the tests' logs and junit_os-image.xml in the job's artifacts.
func (r *releasing) report(tests []*Test) error {
	if r.job.Artifacts == "" {
		return nil
	}
	suite := junit.Suite{Name: r.artifact.Name}
	files := map[string][]byte{}
	for _, t := range tests {
		if t.Before {
			continue
		}
		files[t.Name+".log"] = []byte(t.output)
		suite.Cases = append(suite.Cases, t.toCase(r.artifact.Name))
	}
	var xml bytes.Buffer
	if err := junit.Write(&xml, []junit.Suite{suite}); err != nil {
		return err
	}
	files["junit_os-image.xml"] = xml.Bytes()
	if err := os.MkdirAll(r.job.Artifacts, 0o755); err != nil {
		return fmt.Errorf("make the artifacts' folder: %w", err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(r.job.Artifacts, name), data, 0o644); err != nil {
			return fmt.Errorf("write a report: %w", err)
		}
	}
	return nil
}

func (t *Test) toCase(artifact string) junit.Case {
	c := junit.Case{Name: t.Name, Class: artifact, Time: t.took, Output: t.output}
	if len(t.Failed) > 0 {
		c.Failure = &junit.Message{Line: t.Failed[0], Text: strings.Join(t.Failed, "\n") + "\n" + t.output}
	}
	return c
}
