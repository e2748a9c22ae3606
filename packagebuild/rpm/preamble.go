package rpm

import (
	"path"
	"regexp"
	"strings"
)

// sections begin a part of a spec that is not a preamble, but for %package.
var sections = map[string]bool{
	"%package": true, "%description": true, "%prep": true, "%generate_buildrequires": true, "%conf": true,
	"%build": true, "%install": true, "%check": true, "%clean": true, "%files": true, "%changelog": true,
	"%pre": true, "%post": true, "%preun": true, "%postun": true, "%pretrans": true, "%posttrans": true,
	"%preuntrans": true, "%postuntrans": true, "%verifyscript": true, "%sepolicy": true,
	"%sourcelist": true, "%patchlist": true,
	"%trigger": true, "%triggerin": true, "%triggerun": true, "%triggerpostun": true, "%triggerprein": true,
	"%filetriggerin": true, "%filetriggerun": true, "%filetriggerpostun": true,
	"%transfiletriggerin": true, "%transfiletriggerun": true, "%transfiletriggerpostun": true,
}

func isSection(word string) bool { return sections[word] }

// begin enters a section.
func (p *parser) begin(word, args string) error {
	p.section = body
	args = strings.Join(strings.Fields(args), " ")
	switch word {
	case "%description":
		p.described[packageArgs(args)] = true
	case "%package":
		p.section = subPreamble
		if args == "" {
			return p.errorf(p.at.first, "%%package without a name; write %%package SUFFIX or %%package -n NAME")
		}
		p.subPackages = append(p.subPackages, subPackage{args: args, line: p.at.first})
		p.addPackage(args)
	}
	return nil
}

// packageArgs is the part of %description's arguments that names the package:
// a translation (-l) describes the same one.
func packageArgs(args string) string {
	fields := strings.Fields(args)
	for i, f := range fields {
		if f == "-l" && i+1 < len(fields) {
			return strings.Join(append(fields[:i:i], fields[i+2:]...), " ")
		}
	}
	return args
}

// addPackage notes the name of a sub package.
func (p *parser) addPackage(args string) {
	name, own := strings.CutPrefix(args, "-n ")
	name, known := p.expand(name)
	if !known || strings.ContainsAny(name, " \t\n") {
		p.spec.open = true
		p.note("the name of %%package %s cannot be told without running the spec", args)
		return
	}
	if !own {
		name = p.spec.name + "-" + name
	}
	p.spec.packages = append(p.spec.packages, name)
}

// guarded is the idiom %{!?name: %global name text}.
var guarded = regexp.MustCompile(`(?s)^\s*%\{!\?([A-Za-z0-9_]+)\s*:\s*%(?:global|define)\s+(.*)\}\s*$`)

// macroLine handles a preamble's line that begins with a macro. Most cannot
// matter here; those that do are conditions and definitions in their short forms.
func (p *parser) macroLine(text string) {
	if m := guarded.FindStringSubmatch(text); m != nil {
		if _, known := p.scope[m[1]]; !known {
			p.define(m[2])
		}
	}
}

// define takes a literal definition. One below a condition may or may not hold,
// so it leaves the macro unknown, unless it says what is known already.
func (p *parser) define(text string) {
	name := macroName.FindString(text)
	if name == "" {
		return
	}
	value := text[len(name):]
	if strings.HasPrefix(value, "(") {
		delete(p.scope, name) // it takes arguments
		return
	}
	value = strings.TrimSpace(value)
	old, known := p.scope[name]
	switch {
	case len(p.conds) == 0:
		p.scope[name] = value
	case known && old != value:
		delete(p.scope, name)
	}
}

var (
	tagLine    = regexp.MustCompile(`(?s)^\s*([A-Za-z][A-Za-z0-9]*)\s*(?:\([^)]*\))?\s*:(.*)$`)
	isFileTag  = regexp.MustCompile(`^(source|patch)[0-9]*$`)
	whitespace = " \t\n"
)

// tag handles a "Tag: value" line of a preamble.
func (p *parser) tag(text string) error {
	m := tagLine.FindStringSubmatch(text)
	if m == nil || strings.Trim(m[2], whitespace) == "" {
		return p.brokenTag(text)
	}
	tag, value := strings.ToLower(m[1]), strings.Trim(m[2], whitespace)
	switch {
	case tag == "vcs":
		p.spec.vcs = append(p.spec.vcs, p.at)
	case tag == "buildrequires" || tag == "buildprereq":
		p.buildRequires(value)
	case p.section != mainPreamble:
	case tag == "name":
		return p.setName(value)
	case tag == "version":
		p.setVersion(value)
	case tag == "release" || tag == "epoch":
		p.setPlain(tag, value)
	case tag == "buildarch" || tag == "buildarchitectures":
		p.setArch(value)
	case isFileTag.MatchString(tag):
		p.addSource(m[1], value)
	}
	return nil
}

// brokenTag is an error where the line counts, and a note where it may not:
// rpmbuild does not look at the branch of a condition that does not hold.
func (p *parser) brokenTag(text string) error {
	shown := strings.TrimSpace(text)
	if len(shown) > 60 {
		shown = shown[:60] + "..."
	}
	if len(p.conds) > 0 {
		p.note("%q is no tag", shown)
		return nil
	}
	return p.errorf(p.at.first, "%q is no tag; write Tag: value, or begin a section such as %%description before it", shown)
}

func (p *parser) setName(value string) error {
	name, ok := p.expand(value)
	switch {
	case !ok:
		return p.errorf(p.at.first, "Name: %s cannot be told without running the spec; write the name itself", value)
	case strings.ContainsAny(name, " \t\n/"):
		return p.errorf(p.at.first, "Name: %q is no package name; use letters, digits and . _ + - alone", name)
	case p.spec.name != "" && name != p.spec.name:
		return p.errorf(p.at.first, "Name: %s, but line %d says %s; keep one", name, p.nameLine, p.spec.name)
	}
	p.spec.name, p.nameLine = name, p.at.first
	p.scope["name"], p.scope["NAME"] = name, name
	return nil
}

func (p *parser) setVersion(value string) {
	p.spec.versions = append(p.spec.versions, p.at)
	version, known := p.expand(value)
	if len(p.spec.versions) > 1 && version != p.spec.version {
		known = false
	}
	if !known {
		version = ""
		p.note("Version: %s cannot be told without running the spec", value)
	}
	p.spec.version, p.spec.versionLine = version, p.at.first
	p.setPlain("version", value)
}

// setPlain makes a tag's value known as the macro of its name.
func (p *parser) setPlain(tag, value string) {
	p.define(tag + " " + value)
	p.define(strings.ToUpper(tag) + " " + value)
}

func (p *parser) setArch(value string) {
	arch, known := p.expand(value)
	if known && len(p.conds) == 0 {
		p.spec.arches, p.spec.archLine = strings.FieldsFunc(arch, isSeparator), p.at.first
	}
}

func (p *parser) addSource(tag, value string) {
	name, known := p.expand(value)
	if !known {
		p.note("%s: %s cannot be told without running the spec; it is found if it is a .tar.gz or .patch in packaging/", tag, value)
		return
	}
	p.spec.sources = append(p.spec.sources, sourceFile{
		tag: tag, name: path.Base(name), line: p.at.first, certain: len(p.conds) == 0,
	})
}

// buildRequires notes what a BuildRequires line asks for.
func (p *parser) buildRequires(value string) {
	text, known := p.expand(value)
	if !known {
		p.note("BuildRequires: %s cannot be told without running the spec; not installed", value)
		return
	}
	for _, r := range splitRequires(text) {
		p.spec.requires = append(p.spec.requires, requirement{text: r, line: p.at.first})
	}
}
