package flow

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"
)

var (
	plainName   = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)
	digestedRef = regexp.MustCompile(`^[^\s@]+/[^\s@]+@sha256:[0-9a-f]{64}$`)
	plainRef    = regexp.MustCompile(`^[^\s@:]+/[^\s@:]+$`)
	voteForm    = regexp.MustCompile(`^[A-Za-z][A-Za-z-]*[+-][1-9]$`)
	placeholder = regexp.MustCompile(`\{([^{}]*)\}`)
)

// reserved are names that Prow's utilities and our own steps have in a pod.
var reserved = []string{"take", "keep", "test", "sidecar", "clonerefs", "initupload", "place-entrypoint", "entrypoint"}

// Check names every mistake, in the order of the file.
func (p *Project) Check() error {
	wrong := p.checkHead()
	wrong = append(wrong, p.Tracks.check())
	for _, name := range slices.Sorted(maps.Keys(p.Builds)) {
		for _, err := range p.checkBuild(name, p.Builds[name]) {
			wrong = append(wrong, fmt.Errorf("build %s: %w", name, err))
		}
	}
	wrong = append(wrong, p.checkNames()...)
	for _, name := range slices.Sorted(maps.Keys(p.Flows)) {
		for _, err := range p.checkFlow(name, p.Flows[name]) {
			wrong = append(wrong, fmt.Errorf("flow %s: %w", name, err))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return err // graphs of such a file would only confuse
	}
	return p.checkGraphs()
}

func (p *Project) checkHead() []error {
	var wrong []error
	for _, c := range []struct {
		bad  bool
		text string
	}{
		{!plainName.MatchString(p.Name), "project is missing or no plain name (a-z, 0-9, -, _)"},
		{p.Owner == "", "owner is missing; name an alias of OWNERS_ALIASES, or a login, that answers for the jobs"},
		{p.Repository.Org == "" || p.Repository.Repo == "", "repository needs org and repo"},
		{len(p.Flows) == 0, "flows is empty; say what runs when"},
	} {
		if c.bad {
			wrong = append(wrong, errors.New(c.text))
		}
	}
	return wrong
}

func (p *Project) checkBuild(name string, b Build) []error {
	var wrong []error
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if !plainName.MatchString(name) || slices.Contains(reserved, name) {
		add("it needs another name: a-z, 0-9, - and _, and none of Prow's own containers'")
	}
	if _, ok := p.Identities[b.Identity]; !ok {
		add("identity %q is not among identities", b.Identity)
	}
	switch {
	case b.Later == "" && !digestedRef.MatchString(b.Image):
		add("image %q is not named by digest; where there is none yet, say under later why", b.Image)
	case b.Later != "" && !plainRef.MatchString(b.Image):
		add("image %q comes later and must be named without digest or tag", b.Image)
	}
	if len(b.Command) == 0 {
		add("command is missing; Prow's entrypoint takes the place of the image's own")
	}
	if b.FromTrack != 0 && p.Tracks == nil {
		add("from_track %d: the project has no tracks", b.FromTrack)
	}
	known := slices.Concat(b.Inputs, b.Optional, b.Outputs)
	for i, folder := range known {
		if !plainName.MatchString(folder) || slices.Index(known, folder) != i {
			add("%q is no name of its own for an input or output", folder)
		}
	}
	if p.Tracks != nil {
		known = append(known, "track")
	}
	return append(wrong, checkArgs(b.Args, append(known, "branch"))...)
}

// checkArgs refuses what stands in braces and is not known.
func checkArgs(args, known []string) []error {
	var wrong []error
	for _, arg := range args {
		for _, match := range placeholder.FindAllStringSubmatch(arg, -1) {
			if !slices.Contains(known, match[1]) {
				wrong = append(wrong, fmt.Errorf("argument %s: {%s} is no input, output, track or branch", arg, match[1]))
			}
		}
	}
	return wrong
}

// checkNames refuses outputs that two builds have, builds that are one container's
// name, and what no flow uses.
func (p *Project) checkNames() []error {
	var wrong []error
	outputs, containers := map[string]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(p.Builds)) {
		used := false
		for _, f := range p.Flows {
			_, in := f.Builds[name]
			used = used || in
		}
		if !used {
			wrong = append(wrong, fmt.Errorf("build %s is in no flow", name))
		}
		if other, twice := containers[container(name)]; twice {
			wrong = append(wrong, fmt.Errorf("builds %s and %s would be one container %s", other, name, container(name)))
		}
		containers[container(name)] = name
		for _, output := range p.Builds[name].Outputs {
			if other, twice := outputs[output]; twice {
				wrong = append(wrong, fmt.Errorf("builds %s and %s both output %s", other, name, output))
			}
			outputs[output] = name
		}
	}
	return wrong
}

func (p *Project) checkFlow(name string, f Flow) []error {
	var wrong []error
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if !plainName.MatchString(name) {
		add("it needs another name: a-z, 0-9, - and _")
	}
	if len(f.Builds) == 0 {
		add("it has no builds")
	}
	wrong = append(wrong, f.Trigger.check()...)
	for _, build := range slices.Sorted(maps.Keys(f.Builds)) {
		recipe, ok := p.Builds[build]
		if !ok {
			add("build %s is not among builds", build)
			continue
		}
		if f.Trigger.Presubmit != nil && p.Identities[recipe.Identity].trusted() {
			add("a presubmit runs code that nobody has reviewed, and build %s is of identity %s, which holds credentials; leave it out", build, recipe.Identity)
		}
		inputs := slices.Concat(recipe.Inputs, recipe.Optional)
		for _, input := range slices.Sorted(maps.Keys(f.Builds[build].Inputs)) {
			if !slices.Contains(inputs, input) {
				add("build %s has no input %s", build, input)
			}
		}
		for _, err := range checkArgs(f.Builds[build].Args, slices.Concat(inputs, recipe.Outputs, []string{"track", "branch"})) {
			add("build %s: %w", build, err)
		}
	}
	return wrong
}

func (t Trigger) check() []error {
	kinds := 0
	for _, set := range []bool{t.Periodic != nil, t.Postsubmit != nil, t.Presubmit != nil} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		return []error{errors.New("trigger must be one of periodic, postsubmit and presubmit")}
	}
	var wrong []error
	if t.Periodic != nil {
		wrong = append(wrong, t.Periodic.check())
	}
	if t.Presubmit != nil && t.Presubmit.Vote != "" && !voteForm.MatchString(t.Presubmit.Vote) {
		wrong = append(wrong, fmt.Errorf("vote %q is not a label and a value, as in Code-Review+2", t.Presubmit.Vote))
	}
	return slices.DeleteFunc(wrong, func(err error) bool { return err == nil })
}

func (p Periodic) check() error {
	if (p.Interval == "") == (p.Cron == "") {
		return errors.New("periodic needs interval or cron, and one of them")
	}
	if p.Cron != "" {
		return nil // Prow's loader says what is wrong with one
	}
	if d, err := time.ParseDuration(p.Interval); err != nil || d < time.Minute {
		return fmt.Errorf("interval %q is no time of a minute or more, as in 2h", p.Interval)
	}
	return nil
}

// checkGraphs refuses cycles, missing inputs and what the store would be needed for.
func (p *Project) checkGraphs() error {
	graphs, err := p.Graphs()
	if err != nil {
		return err
	}
	var wrong []error
	jobs := map[string]string{}
	for _, g := range graphs {
		for _, s := range g.Stages {
			name := g.JobName(s)
			if other, twice := jobs[name]; twice && other != g.String() {
				wrong = append(wrong, fmt.Errorf("flow %s: job %s is one of flow %s too; rename a flow or build", g, name, other))
			}
			jobs[name] = g.String()
			if len(name) > maxJobName {
				wrong = append(wrong, fmt.Errorf("flow %s: job %s is longer than the %d characters of a Kubernetes label", g, name, maxJobName))
			}
			switch {
			case g.Trigger.Presubmit != nil && s.Name != g.Stages[0].Name:
				wrong = append(wrong, fmt.Errorf("flow %s: %s has another identity than %s, and a presubmit has no store to hand over in; give its builds one identity", g, s.Name, g.Stages[0].Name))
			case len(s.Needs) == 0:
			case p.Store == "" || !digestedRef.MatchString(p.Step):
				wrong = append(wrong, fmt.Errorf("flow %s: %s takes what another identity left in the store; name the claim under store and the image of flow-step by digest under step", g, s.Name))
			}
		}
	}
	return errors.Join(wrong...)
}
