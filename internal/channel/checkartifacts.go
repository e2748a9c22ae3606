package channel

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

func (c *Config) checkArtifacts(p *problems) {
	full := map[string]string{}
	for _, a := range c.Artifacts {
		for _, ch := range c.Channels[a.Channels] {
			full[Full(a.Name, ch.Name)] = a.Name
		}
	}
	for _, a := range c.Artifacts {
		at := "artifact " + a.Name
		if a.Kind != Image && strings.HasSuffix("/"+a.Name, "/versions") {
			p.add("%s: versions of other artifacts lie under that name", at)
		}
		if !artifactName.MatchString(a.Name) {
			p.add("artifacts: %q is no name: lower-case letters, digits, - . _ between them, and / between parts", a.Name)
		}
		if other, taken := full[a.Name]; taken {
			p.add("%s is there twice, or is also a channel of %s", at, other)
		}
		full[a.Name] = a.Name
		channels, ok := c.Channels[a.Channels]
		if !ok {
			p.add("%s: there are no channels %q; there are %s", at, a.Channels, strings.Join(slices.Sorted(maps.Keys(c.Channels)), ", "))
		}
		for _, ch := range channels {
			if g := ch.Gate.Approvals; g != nil && len(g.Tags) > 0 && a.Kind == Image && a.Repository == "" {
				p.add("%s: %s takes approvals by signed tags; say in which repository they are", at, ch.Name)
			}
		}
		for _, elsewhere := range slices.Sorted(maps.Keys(a.Locations)) {
			if !slices.ContainsFunc(channels, func(ch Channel) bool { return ch.Name == elsewhere }) {
				p.add("%s: locations names channel %s, which it does not have", at, elsewhere)
			}
			a.checkLocation(p, a.Locations[elsewhere])
		}
		a.checkLocation(p, a.Location)
	}
}

// checkPlaces sees that no two channels write one tag.
func (c *Config) checkPlaces(p *problems) {
	taken := map[string]string{}
	for _, a := range c.Artifacts {
		for _, ch := range c.Of(a) {
			place, full := a.At(ch.Name)+":"+ch.Name, Full(a.Name, ch.Name)
			if other, ok := taken[place]; ok && a.Kind == Image {
				p.add("%s and %s would both move %s", other, full, place)
			}
			taken[place] = full
		}
	}
}

func (a Artifact) checkLocation(p *problems, location string) {
	switch a.Kind {
	case Image:
		if _, err := name.NewRepository(location, name.StrictValidation); err != nil || strings.Contains(location, "://") {
			p.add("artifact %s: location %q is no HOST/PATH in a registry", a.Name, location)
		}
	case File, Release:
		if location == "" {
			p.add("artifact %s has no location; name a store: a folder, gs:// or s3://", a.Name)
		}
	default:
		p.add("artifact %s: kind %q is not image, file or release", a.Name, a.Kind)
	}
}

// checkPeople sees that a name is one person's.
func (c *Config) checkPeople(p *problems) {
	owner := map[string]string{}
	for _, person := range slices.Sorted(maps.Keys(c.People)) {
		for _, name := range append(slices.Clone(c.People[person]), person) {
			name = normal(name)
			if other, taken := owner[name]; taken && other != person {
				p.add("people: %s is %s and %s", name, other, person)
			}
			owner[name] = person
		}
	}
}

func (c *Config) checkTrain(p *problems, t Train) {
	if len(t.Artifacts) < 2 {
		p.add("train %q has fewer than two artifacts", t.Name)
	}
	seen := map[string]bool{}
	for _, member := range t.Artifacts {
		if seen[member] {
			p.add("train %s names %s twice", t.Name, member)
		}
		seen[member] = true
		a, ok := c.Artifact(member)
		if !ok {
			p.add("train %s: there is no artifact %s", t.Name, member)
			continue
		}
		if !slices.ContainsFunc(c.Of(a), func(ch Channel) bool { return ch.Name == t.Channel }) {
			p.add("train %s: %s has no channel %s", t.Name, member, t.Channel)
		}
	}
}

func (c *Config) checkRule(p *problems, i int, r Rule) {
	at := fmt.Sprintf("retention rule %d", i+1)
	if len(r.Artifacts) == 0 {
		p.add("%s names no artifacts", at)
	}
	for _, pattern := range r.Artifacts {
		if _, err := path.Match(pattern, ""); err != nil {
			p.add("%s: %q is no pattern", at, pattern)
		}
	}
	if _, err := regexp.Compile(r.Tags); err != nil || r.Tags == "" {
		p.add("%s: tags %q is no regular expression", at, r.Tags)
	}
	if r.Keep.Last < 0 || r.Keep.Last == 0 && r.Keep.Younger == 0 {
		p.add("%s keeps nothing; say keep: {last: N} or {younger: TIME}", at)
	}
	if r.MaxShare < 0 || r.MaxShare > 1 {
		p.add("%s: maxShare %v is no part of a whole; write a number from 0 to 1", at, r.MaxShare)
	}
}
