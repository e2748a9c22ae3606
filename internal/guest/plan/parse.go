package plan

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"gopkg.in/yaml.v3"
)

// What a plan that does not say gets.
const (
	defaultMemory  = Size(1 << 30)
	defaultCPUs    = 2
	defaultBoot    = 5 * time.Minute // an emulated guest takes a minute
	defaultTimeout = time.Minute
)

// Load reads a plan's file and checks all of it. The error names everything that is wrong.
func Load(file string) (*Plan, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the test plan: %w", err)
	}
	return Parse(file, data)
}

// Parse is Load of bytes; file is their name, for errors.
func Parse(file string, data []byte) (*Plan, error) {
	p := &Plan{File: file}
	if err := decode(file, data, p); err != nil {
		return nil, err
	}
	for i, line := range lines(data, "tests") {
		if i < len(p.Tests) {
			p.Tests[i].line = line
		}
	}
	m := &p.Machine
	m.Memory = cmp.Or(m.Memory, defaultMemory)
	m.CPUs = cmp.Or(m.CPUs, defaultCPUs)
	m.Boot = cmp.Or(m.Boot, defaultBoot)
	p.Timeout = cmp.Or(p.Timeout, defaultTimeout)
	if m.Firmware == nil {
		m.Firmware = []string{"uefi"}
	}
	if err := p.validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// decode reads the one document of a file; a field that into does not have is an error.
func decode(file string, data []byte, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	switch err := decoder.Decode(into); {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("parse %s: it is empty", file)
	case err != nil:
		return fmt.Errorf("parse %s: %w", file, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("parse %s: it holds more than one document", file)
	}
	return nil
}

// lines returns the line of each item of a list at the top of a document that parses.
func lines(data []byte, key string) []int {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil || len(document.Content) == 0 {
		return nil
	}
	top := document.Content[0]
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value != key {
			continue
		}
		var found []int
		for _, item := range top.Content[i+1].Content {
			found = append(found, item.Line)
		}
		return found
	}
	return nil
}
