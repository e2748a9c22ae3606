package configcheck

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
)

// prowTimeout bounds Prow's checkconfig, which takes a second for a thousand jobs.
const prowTimeout = 5 * time.Minute

// ProwCheck runs Prow's own program checkconfig as strictly as it can: each of its
// warnings is a finding. An error is that it could not be run.
func ProwCheck(ctx context.Context, program, checkout string) ([]Finding, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, prowTimeout, fmt.Errorf("no answer within %v", prowTimeout))
	defer cancel()
	args := []string{
		"checkconfig", "--strict", "--config-path=" + ConfigFile, "--job-config-path=" + JobsFolder,
		"--include-default-warnings", "--warnings=unknown-fields-all", "--warnings=valid-decoration-config",
	}
	if _, err := os.Stat(filepath.Join(checkout, PluginsFile)); err == nil {
		args = append(args, "--plugin-config="+PluginsFile)
	}
	var said bytes.Buffer
	err := exec.Run(ctx, exec.Cmd{Args: args, Path: program, Dir: checkout, Stdout: &said, Stderr: &said})
	findings, passed := prowFindings(said.Bytes())
	switch {
	case len(findings) > 0:
		return findings, nil
	case err != nil:
		return nil, fmt.Errorf("run Prow's checkconfig %s: %w: %s", program, err, strings.TrimSpace(said.String()))
	case !passed:
		return nil, fmt.Errorf("%s says nothing of what it checked; name Prow's checkconfig by --prow-checkconfig", program)
	}
	return nil, nil
}

// prowFindings reads checkconfig's log, a line of JSON for each thing it has to say.
func prowFindings(log []byte) (findings []Finding, passed bool) {
	scanner := bufio.NewScanner(bytes.NewReader(log))
	scanner.Buffer(nil, len(log)+1)
	for scanner.Scan() {
		var line struct{ Func, Level, Msg, Error string }
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			continue
		}
		passed = passed || strings.HasPrefix(line.Msg, "checkconfig passes")
		// What libraries warn of while they load is no verdict.
		verdict := line.Level == "warning" && line.Func == "main.reportWarning"
		broken := (line.Level == "error" || line.Level == "fatal") && !strings.HasPrefix(line.Msg, "Strict is set")
		if !verdict && !broken {
			continue
		}
		text := line.Msg
		if line.Error != "" {
			text += ": " + line.Error
		}
		findings = append(findings, Finding{File: "config", Rule: RuleProw, Problem: text, Cure: "change what it names"})
	}
	return findings, passed
}
