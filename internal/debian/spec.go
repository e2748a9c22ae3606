package debian

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"
)

// Spec is a debian.yaml: what an image wants.
type Spec struct {
	Suite         string   // bookworm: the image is a base; empty: its packages go on top of its parent's
	Packages      []string // names, as written
	Architectures []string // Debian's names; amd64 if the file names none
}

// Base says whether the image begins with nothing.
func (s Spec) Base() bool { return s.Suite != "" }

// item is a word of the file that knows its line.
type item struct {
	text string
	line int
}

func (w *item) UnmarshalYAML(node *yaml.Node) error {
	w.line = node.Line
	if node.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: want one word", node.Line)
	}
	w.text = node.Value
	return nil
}

// check holds the word against pattern.
func (w item) check(file, what string, pattern *regexp.Regexp) error {
	if pattern.MatchString(w.text) {
		return nil
	}
	return fmt.Errorf("%s:%d: %q is no name of %s", file, w.line, w.text, what)
}

var (
	suiteName        = regexp.MustCompile(`^[a-z][a-z0-9]+$`)
	packageName      = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
	architectureName = regexp.MustCompile(`^[a-z][a-z0-9]+$`)
)

// ReadSpec reads a debian.yaml.
func ReadSpec(file string) (Spec, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Spec{}, fmt.Errorf("read wanted packages: %w", err)
	}
	return ParseSpec(file, data)
}

// ParseSpec reads the text of a debian.yaml; file is its name, for errors.
func ParseSpec(file string, data []byte) (Spec, error) {
	var text struct {
		Suite         *item  `yaml:"suite"`
		Packages      []item `yaml:"packages"`
		Architectures []item `yaml:"architectures"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&text); err != nil && !errors.Is(err, io.EOF) {
		return Spec{}, fmt.Errorf("parse %s: %w", file, err)
	}
	var spec Spec
	var errs []error
	if text.Suite != nil {
		spec.Suite = text.Suite.text
		errs = append(errs, text.Suite.check(file, "a Debian suite", suiteName))
	}
	var err error
	spec.Packages, err = words(file, "a package", packageName, text.Packages)
	errs = append(errs, err)
	spec.Architectures, err = words(file, "an architecture", architectureName, text.Architectures)
	errs = append(errs, err)
	if len(spec.Packages) == 0 {
		errs = append(errs, fmt.Errorf("%s: packages is empty; name what the image wants", file))
	}
	if len(spec.Architectures) == 0 {
		spec.Architectures = []string{"amd64"}
	}
	return spec, errors.Join(errs...)
}

// words checks a list of names.
func words(file, what string, pattern *regexp.Regexp, list []item) ([]string, error) {
	var names []string
	var errs []error
	for _, w := range list {
		errs = append(errs, w.check(file, what, pattern))
		if slices.Contains(names, w.text) {
			errs = append(errs, fmt.Errorf("%s:%d: %s is named twice; remove one", file, w.line, w.text))
		}
		names = append(names, w.text)
	}
	return names, errors.Join(errs...)
}
