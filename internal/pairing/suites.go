package pairing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Suites are pairings by name, and how their virtual machines run a container.
type Suites struct {
	File string           `yaml:"-"` // that they were read from
	All  map[string]Suite `yaml:"suites"`
	Way  `yaml:",inline"`
}

// Suite is one pairing, and what is expected of the container in it.
type Suite struct {
	Container string `yaml:"container"` // full name of the channel that holds it
	VM        string `yaml:"vm"`
	Plan      string `yaml:"plan"` // file of a test plan, relative to the suites' file
}

// Way is how a virtual machine runs its container: programs and their arguments, in which
// {root} is the folder of its root file system, {name} a name for it, and {leader} the
// number of its first process.
type Way struct {
	Start  [][]string `yaml:"start"`  // in the machine, one after the other; what goes on has to do so by itself
	Leader []string   `yaml:"leader"` // in the machine: prints that number; only needed where {leader} is used
	Exec   []string   `yaml:"exec"`   // in the machine, with a program of the container after it
	Ready  []string   `yaml:"ready"`  // in the container: succeeds when it has started; empty is true
	Reboot [][]string `yaml:"reboot"` // in the machine; empty is a container that cannot reboot
}

func (w Way) ready() []string {
	if len(w.Ready) == 0 {
		return []string{"true"}
	}
	return w.Ready
}

// Load reads a file of suites and checks all of it. The error names everything that is wrong.
func Load(file string) (*Suites, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the suites: %w", err)
	}
	s := &Suites{File: file}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	switch err := decoder.Decode(s); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("parse %s: it is empty", file)
	case err != nil:
		return nil, fmt.Errorf("parse %s: %w", file, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("parse %s: it holds more than one document", file)
	}
	for name, suite := range s.All {
		if suite.Plan != "" && !filepath.IsAbs(suite.Plan) {
			suite.Plan = filepath.Join(filepath.Dir(file), suite.Plan)
			s.All[name] = suite
		}
	}
	return s, s.validate()
}

// Named is the suite of a name.
func (s *Suites) Named(name string) (Suite, error) {
	suite, ok := s.All[name]
	if !ok {
		return suite, fmt.Errorf("there is no suite %q in %s; it has %s", name, s.File, strings.Join(s.Names(), ", "))
	}
	return suite, nil
}

// Names are the suites' names, in order.
func (s *Suites) Names() []string { return slices.Sorted(maps.Keys(s.All)) }

// names of suites are those of their evidence too.
var namePattern = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)

func (s *Suites) validate() error {
	var problems []string
	if len(s.All) == 0 {
		problems = append(problems, "it has no suite: add one to suites, as in pfq: {container: ARTIFACT/CHANNEL, vm: ARTIFACT/CHANNEL, plan: FILE}")
	}
	for _, name := range s.Names() {
		for _, problem := range s.All[name].problems(name) {
			problems = append(problems, fmt.Sprintf("suite %q: %s", name, problem))
		}
	}
	problems = append(problems, s.Way.problems()...)
	errs := make([]error, len(problems))
	for i, problem := range problems {
		errs[i] = fmt.Errorf("%s: %s", s.File, problem)
	}
	return errors.Join(errs...)
}

func (s Suite) problems(name string) (problems []string) {
	if !namePattern.MatchString(name) {
		problems = append(problems, "a name is lower-case letters and digits, with dots and dashes between")
	}
	for _, field := range []struct{ name, channel string }{{"container", s.Container}, {"vm", s.VM}} {
		if artifact, channel, ok := cutLast(field.channel); !ok || artifact == "" || channel == "" {
			problems = append(problems, fmt.Sprintf("%s %q names no channel: write ARTIFACT/CHANNEL", field.name, field.channel))
		}
	}
	if s.Plan == "" {
		return append(problems, "it has no plan: name the file of a test plan")
	}
	if _, err := os.Stat(s.Plan); err != nil {
		problems = append(problems, fmt.Sprintf("its plan: %v", err))
	}
	return problems
}

func cutLast(full string) (before, after string, ok bool) {
	i := strings.LastIndexByte(full, '/')
	if i < 0 {
		return full, "", false
	}
	return full[:i], full[i+1:], true
}

// place is what may stand for a value in an argument.
var place = regexp.MustCompile(`\{[a-z]+\}`)

// problems are what is wrong with how containers are run.
func (w Way) problems() (problems []string) {
	if len(w.Start) == 0 {
		problems = append(problems, "start is missing: say with which programs the virtual machine starts the container")
	}
	if len(w.Exec) == 0 {
		problems = append(problems, "exec is missing: say what stands before a program to run it in the container")
	}
	used := map[string]bool{}
	check := func(field string, may string, commands ...[]string) {
		for _, args := range commands {
			if len(args) == 0 || args[0] == "" {
				problems = append(problems, field+" has a step that names no program")
			}
			for _, found := range place.FindAllString(strings.Join(args, " "), -1) {
				used[field+found] = true
				if !strings.Contains(may, found) {
					problems = append(problems, fmt.Sprintf("%s has %s: want %s", field, found, may))
				}
			}
		}
	}
	check("start", "{root} or {name}", w.Start...)
	check("exec", "{root}, {name} or {leader}", w.Exec)
	check("reboot", "{root}, {name} or {leader}", w.Reboot...)
	if len(w.Leader) > 0 {
		check("leader", "{root} or {name}", w.Leader)
	}
	if len(w.Ready) > 0 {
		check("ready", "none of these: it runs in the container", w.Ready)
	}
	if len(w.Start) > 0 && !used["start{root}"] {
		problems = append(problems, "start has no {root}: nothing would start what is tested")
	}
	if leader := used["exec{leader}"] || used["reboot{leader}"]; leader != (len(w.Leader) > 0) {
		problems = append(problems, "leader and {leader} go together: say how the first process is found, and use it in exec")
	}
	return problems
}
