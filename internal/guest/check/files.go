package check

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"slipway.dev/slipway/internal/guest"
)

// Files are files that are there as expected, or are not there.
type Files []File

// File is a file by its path. Links are followed, unless the link itself is meant:
// with type link, with a target, or where nothing is to be there.
type File struct {
	Path     string   `yaml:"path"`
	Absent   bool     `yaml:"absent"`
	Type     string   `yaml:"type"`     // file, dir, link or socket
	Mode     string   `yaml:"mode"`     // as in 0644 or 4755
	Owner    string   `yaml:"owner"`    // USER:GROUP, by name or number
	Target   string   `yaml:"target"`   // of a link
	Contains string   `yaml:"contains"` // a text
	Matches  *Pattern `yaml:"matches"`
}

// kinds are the types of files, and their bits in a mode as stat(2) gives it.
var kinds = map[string]uint64{"file": 0o100000, "dir": 0o040000, "link": 0o120000, "socket": 0o140000}

const kindBits = 0o170000

// Validate is part of Check.
func (f Files) Validate() error {
	if len(f) == 0 {
		return fmt.Errorf("names no file")
	}
	for _, file := range f {
		if err := file.validate(); err != nil {
			return fmt.Errorf("file %q: %w", file.Path, err)
		}
	}
	return nil
}

var (
	modePattern  = regexp.MustCompile(`^0?[0-7]{3,4}$`)
	ownerPattern = regexp.MustCompile(`^[^:\s]+:[^:\s]+$`)
)

func (f File) validate() error {
	switch _, known := kinds[f.Type]; {
	case !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || strings.ContainsAny(f.Path, "\n\r\x00"):
		return fmt.Errorf("want a clean path that begins with /")
	case f.Absent && f != File{Path: f.Path, Absent: true}:
		return fmt.Errorf("what is absent has nothing else")
	case f.Type != "" && !known:
		return fmt.Errorf("type %q: want file, dir, link or socket", f.Type)
	case f.Target != "" && f.Type != "" && f.Type != "link":
		return fmt.Errorf("a %s has no target", f.Type)
	case f.Mode != "" && !modePattern.MatchString(f.Mode):
		return fmt.Errorf("mode %q: want it as in \"0644\"", f.Mode)
	case f.Owner != "" && !ownerPattern.MatchString(f.Owner):
		return fmt.Errorf("owner %q: want USER:GROUP", f.Owner)
	case f.reads() && (f.Type == "dir" || f.Type == "socket"):
		return fmt.Errorf("a %s is not read", f.Type)
	}
	return nil
}

func (f File) reads() bool { return f.Contains != "" || f.Matches != nil }

// itself says whether the link is meant, and not what it leads to.
func (f File) itself() bool { return f.Absent || f.Type == "link" || f.Target != "" }

// Check is part of Check.
func (f Files) Check(ctx context.Context, g guest.Guest) []string {
	links, err := f.stat(ctx, g, true)
	if err != nil {
		return []string{err.Error()}
	}
	followed, err := f.stat(ctx, g, false)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	for _, file := range f {
		found := followed
		if file.itself() {
			found = links
		}
		status, there := found[file.Path]
		problems = append(problems, file.check(ctx, g, status, there)...)
	}
	return problems
}

// status is what stat(1) says of a file.
type status struct {
	mode           uint64
	numbers, names string // USER:GROUP
}

// stat asks for all files at once: links themselves, or what the paths lead to.
func (f Files) stat(ctx context.Context, g guest.Guest, links bool) (map[string]status, error) {
	args := []string{"stat", "-c", "%f %u:%g %U:%G %n"}
	if !links {
		args = append(args, "-L")
	}
	fixed := len(args)
	for _, file := range f {
		if file.itself() == links {
			args = append(args, file.Path)
		}
	}
	if len(args) == fixed {
		return nil, nil
	}
	out, err := g.Run(ctx, guest.Command{Args: args}) // its exit code says that one of them is not there
	if err != nil {
		return nil, unanswered(args[:1], err)
	}
	return parseStat(string(out.Stdout))
}

func parseStat(text string) (map[string]status, error) {
	found := map[string]status{}
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if len(fields) != 4 {
			return nil, fmt.Errorf("stat says %s, want a mode, owners and a path", quote([]byte(line)))
		}
		mode, err := strconv.ParseUint(fields[0], 16, 32)
		if err != nil {
			return nil, fmt.Errorf("stat says %s: %w", quote([]byte(line)), err)
		}
		found[fields[3]] = status{mode: mode, numbers: fields[1], names: fields[2]}
	}
	return found, nil
}

func (f File) check(ctx context.Context, g guest.Guest, s status, there bool) []string {
	switch {
	case f.Absent && there:
		return []string{f.Path + " is there, want it absent"}
	case f.Absent:
		return nil
	case !there:
		return []string{f.Path + " is not there"}
	}
	problems := f.compare(s)
	if f.Target != "" {
		problems = append(problems, f.checkTarget(ctx, g)...)
	}
	if f.reads() && s.mode&kindBits != kinds["dir"] {
		problems = append(problems, f.checkContent(ctx, g)...)
	}
	return problems
}

func (f File) compare(s status) []string {
	var problems []string
	if wrong := f.wrongType(s); wrong != "" {
		problems = append(problems, wrong)
	}
	if have := s.mode &^ kindBits; f.Mode != "" {
		if want, err := strconv.ParseUint(f.Mode, 8, 32); err != nil || have != want {
			problems = append(problems, fmt.Sprintf("%s has mode %04o, want %s", f.Path, have, f.Mode))
		}
	}
	if f.Owner != "" && f.Owner != s.names && f.Owner != s.numbers {
		problems = append(problems, fmt.Sprintf("%s belongs to %s (%s), want %s", f.Path, s.names, s.numbers, f.Owner))
	}
	return problems
}

func (f File) wrongType(s status) string {
	want := f.Type
	switch {
	case f.Target != "":
		want = "link"
	case want == "" && f.reads():
		if s.mode&kindBits == kinds["dir"] {
			return f.Path + " is a dir, want a file to read"
		}
		return ""
	case want == "":
		return ""
	}
	if s.mode&kindBits == kinds[want] {
		return ""
	}
	for name, bits := range kinds {
		if s.mode&kindBits == bits {
			return fmt.Sprintf("%s is a %s, want a %s", f.Path, name, want)
		}
	}
	return fmt.Sprintf("%s has mode %o, want a %s", f.Path, s.mode, want)
}

func (f File) checkTarget(ctx context.Context, g guest.Guest) []string {
	have, err := ask(ctx, g, "readlink", f.Path)
	if err != nil {
		return []string{err.Error()}
	}
	if have = strings.TrimSuffix(have, "\n"); have != f.Target {
		return []string{fmt.Sprintf("%s leads to %s, want %s", f.Path, have, f.Target)}
	}
	return nil
}

// checkContent reads the file's first guest.MaxOutput bytes.
func (f File) checkContent(ctx context.Context, g guest.Guest) []string {
	text, err := ask(ctx, g, "cat", f.Path)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	if !strings.Contains(text, f.Contains) {
		problems = append(problems, fmt.Sprintf("%s holds %s, want %q in it", f.Path, quote([]byte(text)), f.Contains))
	}
	if problem := f.Matches.mismatch(f.Path, []byte(text)); problem != "" {
		problems = append(problems, problem)
	}
	if len(problems) > 0 && len(text) >= guest.MaxOutput {
		problems = append(problems, fmt.Sprintf("only the first %d bytes of %s were looked at", guest.MaxOutput, f.Path))
	}
	return problems
}
