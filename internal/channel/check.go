package channel

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
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
	c.checkPeople(p)
	trains := map[string]bool{}
	for _, t := range c.Trains {
		c.checkTrain(p, t)
		if t.Name == "" || trains[t.Name] {
			p.add("trains: %q is no name of its own", t.Name)
		}
		trains[t.Name] = true
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
		if f.Override != "" && (g.Approvals == nil || len(g.Approvals.Signers) == 0) {
			p.add("%s: freeze %q may be overridden, but nobody signs that: name signers under approvals", at, f.Reason)
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
	if a.Count > 1 && len(a.Signers) > 0 && len(a.Tags) > 0 && len(c.People) == 0 {
		p.add("%s: approvals by signers and by tags name a person differently; say under people who is whom, or one person counts twice", at)
	}
	if a.Path != "" && (path.Clean(a.Path) != a.Path || path.IsAbs(a.Path) || strings.HasPrefix(a.Path, "..")) {
		p.add("%s: approvals path %q is no path within the configuration repository", at, a.Path)
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
