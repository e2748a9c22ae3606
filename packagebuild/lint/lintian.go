package lint

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

// lintianArgs make lintian say everything, in a form that does not change with
// the terminal, the user's settings or what it finds.
var lintianArgs = []string{
	"lintian", "--no-cfg", "--ignore-lintian-env", "--fail-on", "none", "--exp-output", "format=json",
	"--display-info", "--show-overrides", "--tag-display-limit", "0", "--",
}

// lintianOutput is the part of lintian's JSON that we use. Format=json has been
// there since 2.77 and is still called experimental, so unknown fields are no error.
type lintianOutput struct {
	Groups []struct {
		Files []struct {
			Path  string        `json:"path"`
			Hints []lintianHint `json:"hints"`
		} `json:"input_files"`
	} `json:"groups"`
}

type lintianHint struct {
	Tag          string            `json:"tag"`
	Note         string            `json:"note"`
	Visibility   Severity          `json:"visibility"`
	Experimental bool              `json:"experimental"`
	Override     *json.RawMessage  `json:"override"`
	Masks        []json.RawMessage `json:"masks"` // lintian's own exceptions
	Pointer      struct {
		Item struct {
			Name string `json:"name"`
		} `json:"item"`
	} `json:"pointer"`
}

// lintian lints the named files of dir and returns what it found in each.
func lintian(ctx context.Context, runner Runner, dir string, names []string) (map[string][]Finding, error) {
	out, err := run(ctx, runner, dir, append(lintianArgs, names...)...)
	if !exited(err) {
		return nil, fmt.Errorf("lint %s in %s: %w", strings.Join(names, ", "), dir, err)
	}
	found, parseErr := parseLintian(out)
	// It exits 1 and prints nothing when it could read none of them.
	if err == nil && parseErr != nil {
		return nil, fmt.Errorf("lint %s in %s: %w", strings.Join(names, ", "), dir, parseErr)
	}
	if found == nil {
		found = map[string][]Finding{}
	}
	for _, name := range names {
		if _, ok := found[name]; !ok {
			found[name] = []Finding{unread(fmt.Sprintf("lintian passed over it (%v)", err))}
		}
	}
	return found, nil
}

func parseLintian(out []byte) (map[string][]Finding, error) {
	var parsed lintianOutput
	if err := json.Unmarshal(out, &parsed); err != nil {
		return nil, fmt.Errorf("read what lintian printed (%.80q): %w", out, err)
	}
	found := map[string][]Finding{}
	for _, group := range parsed.Groups {
		for _, file := range group.Files {
			findings := []Finding{}
			for _, hint := range file.Hints {
				findings = append(findings, hint.finding())
			}
			found[filepath.Base(file.Path)] = findings
		}
	}
	return found, nil
}

func (h lintianHint) finding() Finding {
	severity := h.Visibility
	if h.Experimental {
		severity = "experimental"
	}
	return Finding{
		Severity:   severity,
		Tag:        h.Tag,
		Details:    h.Note,
		File:       h.Pointer.Item.Name,
		Overridden: h.Override != nil || len(h.Masks) > 0,
	}
}
