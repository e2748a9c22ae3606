package packagebuild

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Target is one thing that a package is built for: a row of config/targets.yaml.
type Target struct {
	Name          string            `json:"name"`                    // deb12, deb12_arm64, el9, goo
	Format        string            `json:"format"`                  // deb, rpm or goo
	Distribution  string            `json:"distribution"`            // for people: Debian 12
	Arch          string            `json:"arch"`                    // amd64, arm64 (Go's and OCI's names)
	Suffix        string            `json:"suffix,omitempty"`        // +deb12; .el9
	TargetVersion string            `json:"targetVersion,omitempty"` // handed to the build as TARGET_VERSION
	Network       bool              `json:"network,omitempty"`       // the build may use the network
	Root          Root              `json:"root"`
	Macros        map[string]string `json:"macros,omitempty"`      // rpm macros of the distribution
	Substitutes   map[string]string `json:"substitutes,omitempty"` // BuildRequires → Debian relation, for a Debian root
}

// Root is where a target's builds run: a Debian suite, or a container image.
type Root struct {
	Suite    string   `json:"suite,omitempty"`    // bookworm: made by mmdebstrap
	Image    string   `json:"image,omitempty"`    // repository@sha256:...: instead of a suite
	Packages []string `json:"packages,omitempty"` // installed in every root of the target
	Note     string   `json:"note,omitempty"`     // told in the release, where the root is not the target's own
}

// Targets is the table of targets, in the file's order.
type Targets []Target

type targetsFile struct {
	Substitutes map[string]string `json:"substitutes"` // shared by every rpm row
	Targets     Targets           `json:"targets"`
}

var (
	targetName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)?$`)
	formats    = []string{"deb", "rpm", "goo"}
)

// LoadTargets reads a targets.yaml.
func LoadTargets(path string) (Targets, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read targets: %w", err)
	}
	return ParseTargets(path, data)
}

// ParseTargets reads the text of a targets.yaml; path is for errors.
func ParseTargets(path string, data []byte) (Targets, error) {
	var file targetsFile
	if err := yaml.UnmarshalStrict(data, &file); err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	suffixes := map[string]string{}
	for i := range file.Targets {
		t := &file.Targets[i]
		if err := t.validate(); err != nil {
			return nil, fmt.Errorf("%s: target %d %q: %w", path, i+1, t.Name, err)
		}
		key := t.Format + t.Suffix + t.Arch
		if other, taken := suffixes[key]; taken {
			return nil, fmt.Errorf("%s: targets %s and %s would name their packages alike: same format, suffix %q and arch %s",
				path, other, t.Name, t.Suffix, t.Arch)
		}
		suffixes[key] = t.Name
		t.inherit(file.Substitutes)
	}
	if len(file.Targets) == 0 {
		return nil, fmt.Errorf("%s: no targets; add a row under targets:", path)
	}
	return file.Targets, nil
}

func (t *Target) inherit(shared map[string]string) {
	if t.Format != "rpm" {
		return
	}
	own := t.Substitutes
	t.Substitutes = map[string]string{}
	for _, from := range []map[string]string{shared, own} {
		for name, relation := range from {
			t.Substitutes[name] = relation
		}
	}
}

func (t *Target) validate() error {
	switch {
	case !targetName.MatchString(t.Name):
		return fmt.Errorf("name must match %s", targetName)
	case !slices.Contains(formats, t.Format):
		return fmt.Errorf("format %q is none of %s", t.Format, strings.Join(formats, ", "))
	case t.Arch == "":
		return fmt.Errorf("arch is missing; say amd64 or arm64")
	case t.Format != "goo" && t.Suffix == "":
		return fmt.Errorf("suffix is missing; without one two targets would share a file name")
	case (t.Root.Suite == "") == (t.Root.Image == ""):
		return fmt.Errorf("root needs either suite or image")
	case t.Root.Image != "" && !strings.Contains(t.Root.Image, "@sha256:"):
		return fmt.Errorf("root image %s is not named by digest; write repository@sha256:...", t.Root.Image)
	}
	return nil
}

// Select returns the named targets in the order of names.
func (ts Targets) Select(names []string) (Targets, error) {
	var picked Targets
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return nil, fmt.Errorf("target %s is named twice", name)
		}
		seen[name] = true
		t, ok := ts.find(name)
		if !ok {
			return nil, fmt.Errorf("unknown target %q; known are %s", name, strings.Join(ts.Names(), ", "))
		}
		picked = append(picked, t)
	}
	return picked, nil
}

func (ts Targets) find(name string) (Target, bool) {
	for _, t := range ts {
		if t.Name == name {
			return t, true
		}
	}
	return Target{}, false
}

// Names lists the targets' names in order.
func (ts Targets) Names() []string {
	names := make([]string, len(ts))
	for i, t := range ts {
		names[i] = t.Name
	}
	return names
}
