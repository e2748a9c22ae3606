// Package comment finds the commands in a comment on GitHub.
//
// A command is a line that begins with /name, and that a reader of the rendered
// comment sees as a line of plain text: not in a quote, a list, code, HTML, a
// table, a heading or a link's definition, and not struck out or hidden. So the
// comment is read as Markdown and only what is left of it is looked at: who quotes
// or explains a command does not give it, and nobody gives one that others cannot see.
package comment

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a comment. GitHub's own is 65,536 characters.
const (
	MaxLength   = 65536
	MaxCommands = 10
)

// Command is one line that begins with a slash.
type Command struct {
	Name    string // ASCII, as in promote or hold-promotion
	Args    string // the rest of the line, without space around it
	Problem string // why it is no command that may be followed; empty is none
}

// Commands lists a comment's commands in their order. Where there are too many, none
// may be followed, and each name comes once with the problem.
func Commands(body string) []Command {
	if len(body) > MaxLength*utf8.UTFMax || utf8.RuneCountInString(body) > MaxLength {
		return nil
	}
	body = strings.ReplaceAll(body, "\r\n", "\n")
	if !mayHold(body) || tangled(body) {
		return nil
	}
	var commands []Command
	for _, line := range visible([]byte(body)) {
		if c, ok := parse(line); ok {
			commands = append(commands, c)
		}
	}
	if len(commands) > MaxCommands {
		return tooMany(commands)
	}
	return commands
}

// mayHold says whether any line looks like a command; most comments have none and
// need not be read as Markdown.
func mayHold(body string) bool {
	for line := range strings.Lines(body) {
		if _, _, ok := split(line); ok {
			return true
		}
	}
	return false
}

// Limits of what is read as Markdown: beyond them reading takes time that grows with
// the square of the length, and no person writes so.
const (
	maxBrackets = 1000
	maxEmphasis = 10_000 // * _ ~ together
	maxNesting  = 50     // marks of quotes and lists before a line's text
)

// tangled says whether a comment is made to be slow to read; it has no commands.
func tangled(body string) bool {
	if strings.Count(body, "[") > maxBrackets {
		return true
	}
	if strings.Count(body, "*")+strings.Count(body, "_")+strings.Count(body, "~") > maxEmphasis {
		return true
	}
	for line := range strings.Lines(body) {
		text := strings.TrimLeft(line, " \t>-+*.)0123456789")
		if len(strings.Fields(line[:len(line)-len(text)])) > maxNesting || strings.Count(line[:len(line)-len(text)], ">") > maxNesting {
			return true
		}
	}
	return false
}

// split takes a line apart; ok is false if it is none of /name or /name args.
func split(line string) (name, args string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "/")
	if !ok {
		return "", "", false
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return (r < 'a' || r > 'z') && r != '-' })
	if end < 0 {
		end = len(rest)
	}
	name, args = rest[:end], rest[end:]
	if name == "" || name[0] == '-' || args != "" && !isBorder(args) {
		return "", "", false
	}
	return name, args, true
}

// isBorder says whether a name ends before text. What cannot be seen ends it too, so
// that its line is reported and not passed over.
func isBorder(text string) bool {
	r, size := utf8.DecodeRuneInString(text)
	return r == ' ' || r == '\t' || hidden(r, size)
}

func parse(line string) (Command, bool) {
	name, args, ok := split(line)
	if !ok {
		return Command{}, false
	}
	for i, r := range args {
		if _, size := utf8.DecodeRuneInString(args[i:]); hidden(r, size) {
			return Command{Name: name, Problem: "it holds a character that cannot be seen, or a space that is none; type it anew"}, true
		}
	}
	return Command{Name: name, Args: strings.TrimSpace(args)}, true
}

// hidden says whether a character is unseen or passes for a space: controls,
// formats (zero-width, bidirectional), foreign spaces, and what is no UTF-8.
func hidden(r rune, size int) bool {
	switch r {
	case ' ', '\t':
		return false
	case utf8.RuneError:
		return size <= 1 || r == unicode.ReplacementChar
	}
	return unicode.In(r, unicode.C, unicode.Z, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

func tooMany(commands []Command) []Command {
	var names []Command
	seen := map[string]bool{}
	for _, c := range commands {
		if !seen[c.Name] {
			seen[c.Name] = true
			names = append(names, Command{Name: c.Name, Problem: "the comment has more than 10 commands, and none of them is followed"})
		}
	}
	return slices.Clip(names)
}
