package imagediff

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// Print writes what differs for people.
func Print(w io.Writer, d Diff) {
	if d.Same() {
		fmt.Fprintln(w, "the same image")
		return
	}
	printChanges(w, d.MediaType)
	for _, p := range d.Platforms {
		p.print(w)
	}
}

func (d PlatformDiff) print(w io.Writer) {
	name := "no platform"
	if d.Platform != "" {
		name = printable(d.Platform)
	}
	switch {
	case d.B == "":
		fmt.Fprintf(w, "%s: removed, %s\n", name, Size(d.Size.A))
		return
	case d.A == "":
		fmt.Fprintf(w, "%s: added, %s\n", name, Size(d.Size.B))
		return
	case d.A == d.B:
		fmt.Fprintf(w, "%s: the same\n", name)
		return
	}
	fmt.Fprintf(w, "%s: %s; %s\n", name, d.Packages.summary(), d.Size)
	d.Packages.print(w)
	printChanges(w, d.Config)
	d.Layers.print(w)
}

func (s Sizes) String() string {
	switch grown := s.B - s.A; {
	case grown > 0:
		return fmt.Sprintf("%s, %s more", Size(s.B), Size(grown))
	case grown < 0:
		return fmt.Sprintf("%s, %s less", Size(s.B), Size(-grown))
	}
	return Size(s.B)
}

// summary counts, as apt does.
func (p Packages) summary() string {
	ways := map[Way]int{}
	for _, c := range p.Changed {
		ways[c.Way]++
	}
	var parts []string
	for _, count := range []struct {
		n    int
		what string
	}{
		{ways[Upgraded], "upgraded"}, {ways[Downgraded], "downgraded"}, {ways[Changed], "changed"},
		{len(p.Added), "added"}, {len(p.Removed), "removed"},
	} {
		if count.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count.n, count.what))
		}
	}
	switch {
	case len(parts) > 0:
		return "packages: " + strings.Join(parts, ", ")
	case len(p.Unread) > 0:
		return "packages: not all compared"
	}
	return "packages: no difference"
}

func (p Packages) print(w io.Writer) {
	for _, c := range p.Changed {
		fmt.Fprintf(w, "  %s [%s from: %s]\n", c.Package, c.Way, c.From)
	}
	for _, added := range p.Added {
		fmt.Fprintf(w, "  %s [added]\n", added)
	}
	for _, removed := range p.Removed {
		fmt.Fprintf(w, "  %s [removed]\n", removed)
	}
	for _, note := range p.Unread {
		fmt.Fprintf(w, "  not compared: %s\n", note)
	}
}

// String is name, version and architecture, as apt lists them.
func (p Package) String() string {
	return strings.TrimSuffix(p.Name+" "+p.Version+" "+p.Arch, " ")
}

func printChanges(w io.Writer, changes []Change) {
	for _, c := range changes {
		what := c.Field
		if c.Name != "" {
			what += " " + printable(c.Name)
		}
		fmt.Fprintf(w, "  %s: %s\n", what, c.text())
	}
}

func (c Change) text() string {
	switch {
	case c.A == nil && *c.B == "":
		return "added"
	case c.A == nil:
		return printable(*c.B) + " [added]"
	case c.B == nil && *c.A == "":
		return "removed"
	case c.B == nil:
		return printable(*c.A) + " [removed]"
	}
	return printable(*c.B) + " [was: " + printable(*c.A) + "]"
}

func (l Layers) print(w io.Writer) {
	fmt.Fprintf(w, "  layers: %d shared (%s), %d added, %d removed\n", l.Shared, Size(l.SharedSize), len(l.Added), len(l.Removed))
	for _, added := range l.Added {
		fmt.Fprintf(w, "  + %s\n", added)
	}
	for _, removed := range l.Removed {
		fmt.Fprintf(w, "  - %s\n", removed)
	}
}

const widest = 80 // of what made a layer, which may be a whole script

func (l Layer) String() string {
	text := l.Digest + " " + Size(l.Size)
	if l.CreatedBy == "" {
		return text
	}
	made := []rune(printable(l.CreatedBy))
	if len(made) > widest {
		made = append(made[:widest-1], '…')
	}
	return text + " " + string(made)
}

// printable quotes text from outside that is empty or holds what a terminal would obey.
func printable(text string) string {
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// Size words a number of bytes, in powers of ten as registries do.
func Size(bytes int64) string {
	switch {
	case bytes < 1e3:
		return fmt.Sprintf("%d B", bytes)
	case bytes < 1e6:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	case bytes < 1e9:
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
}
