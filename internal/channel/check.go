package channel

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// problems gathers what is wrong, each with its place.
type problems struct{ errs []error }

func (p *problems) add(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(format, args...))
}

var (
	channelName  = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)
	otherTags    = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+$|^[0-9a-f]{40}$|^sha256-`)
	artifactName = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*$`)
)

func (c *Config) check() error {
	p := &problems{}
	if len(c.Artifacts) == 0 {
		p.add("artifacts: there is none")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Signers)) {
		c.Signers[name].check(p, name)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Channels)) {
		c.checkChannels(p, name)
	}
	c.checkArtifacts(p)
	c.checkPlaces(p)
	for _, t := range c.Trains {
		c.checkTrain(p, t)
	}
	for i, r := range c.Retention {
		c.checkRule(p, i, r)
	}
	return errors.Join(p.errs...)
}

func (s Signer) check(p *problems, name string) {
	kinds := 0
	for _, file := range []string{s.Key, s.OpenPGP, s.SSH} {
		if file != "" {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		p.add("signer %s has no key; name its file with key, openpgp or ssh", name)
	case kinds > 1:
		p.add("signer %s has keys of several kinds; give each kind a signer", name)
	case s.SignsTags() && !s.Until.IsZero():
		p.add("signer %s: until is for a key; OpenPGP keys and allowed_signers say their own end", name)
	}
}

func (c *Config) checkChannels(p *problems, list string) {
	channels := c.Channels[list]
	seen := map[string]bool{}
	entries := 0
	for _, ch := range channels {
		at := "channels " + list + ": " + ch.Name
		if otherTags.MatchString(ch.Name) {
			p.add("channels %s: %s would clash with the tags of versions, commits or signatures", list, ch.Name)
		}
		if !channelName.MatchString(ch.Name) {
			p.add("%s: %q is no name for a channel, which is also a tag: lower-case letters, digits and - . _ between them", "channels "+list, ch.Name)
		}
		if seen[ch.Name] {
			p.add("%s is there twice", at)
		}
		seen[ch.Name] = true
		if ch.From == "" {
			entries++
		}
		if ch.Version != "" && ch.Version != VersionRequired {
			p.add("%s: version is %q; it may only be %q", at, ch.Version, VersionRequired)
		}
		if ch.Order != "" && ch.Order != OrderHeld {
			p.add("%s: order is %q; it may only be %q", at, ch.Order, OrderHeld)
		}
		c.checkGate(p, at, ch)
	}
	if entries != 1 {
		p.add("channels %s: %d channels have no from; exactly one is the entry", list, entries)
	}
	checkOrder(p, list, channels)
}

// checkOrder sees that every from exists and that going back ends at an entry.
func checkOrder(p *problems, list string, channels []Channel) {
	from := map[string]string{}
	for _, ch := range channels {
		from[ch.Name] = ch.From
	}
	for _, ch := range channels {
		if _, ok := from[ch.From]; ch.From != "" && !ok {
			p.add("channels %s: %s comes from %s, which is no channel of the list: %s", list, ch.Name, ch.From, names(channels))
			return
		}
	}
	for _, ch := range channels {
		at := ch.Name
		for range channels {
			at = from[at]
		}
		if at != "" {
			p.add("channels %s: %s comes from itself by way of %s", list, ch.Name, ch.From)
			return
		}
	}
}

func names(channels []Channel) string {
	var all []string
	for _, ch := range channels {
		all = append(all, ch.Name)
	}
	return strings.Join(all, ", ")
}

func (c *Config) checkGate(p *problems, at string, ch Channel) {
	g := ch.Gate
	if len(g.Tests) == 0 && g.Approvals == nil {
		p.add("%s: its gate requires nothing; name a test or approvals", at)
	}
	seen := map[string]bool{}
	for _, t := range g.Tests {
		if !channelName.MatchString(t.Name) {
			p.add("%s: %q is no name for a test", at, t.Name)
		}
		if seen[t.Name] {
			p.add("%s: test %s is there twice", at, t.Name)
		}
		seen[t.Name] = true
		if len(t.Signers) == 0 {
			p.add("%s: test %s accepts nobody's evidence; name its signers", at, t.Name)
		}
		c.checkSigners(p, at+": test "+t.Name, t.Signers, false)
	}
	if g.Approvals != nil {
		c.checkApprovals(p, at, *g.Approvals)
	}
	if g.Soak > 0 && ch.From == "" {
		p.add("%s: an entry channel has nothing to soak in", at)
	}
	for _, f := range g.Freeze {
		if err := f.check(); err != nil {
			p.add("%s: %w", at, err)
		}
	}
}

func (c *Config) checkApprovals(p *problems, at string, a Approvals) {
	if a.Count < 1 {
		p.add("%s: approvals count %d requires nothing", at, a.Count)
	}
	if len(a.Signers)+len(a.Tags) == 0 {
		p.add("%s: approvals of nobody count; name signers or tags", at)
	}
	c.checkSigners(p, at+": approvals", a.Signers, false)
	c.checkSigners(p, at+": approvals by tags", a.Tags, true)
}

func (c *Config) checkSigners(p *problems, at string, signers []string, tags bool) {
	for _, name := range signers {
		s, ok := c.Signers[name]
		switch {
		case !ok:
			p.add("%s: signer %s is not under signers", at, name)
		case s.file() == "": // said where it is declared
		case s.SignsTags() && !tags:
			p.add("%s: signer %s has keys for git tags; a PEM key is needed here", at, name)
		case !s.SignsTags() && tags:
			p.add("%s: signer %s has a PEM key; signed tags need openpgp or ssh", at, name)
		}
	}
}

func (c *Config) checkArtifacts(p *problems) {
	full := map[string]string{}
	for _, a := range c.Artifacts {
		at := "artifact " + a.Name
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
			full[Full(a.Name, ch.Name)] = a.Name
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
