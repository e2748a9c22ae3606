package rpm

import (
	"regexp"
	"strings"
)

// Bounds of an expansion: a spec may define macros that multiply each other.
const (
	maxExpandDepth = 16
	maxExpandCalls = 10_000
	maxExpandBytes = 64 << 10
)

// scope is the macros whose value is known without running anything.
type scope map[string]string

var (
	macroName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*`)
	// macroCall is what stands between the braces of %{...} in its simple forms:
	// name, ?name, !?name:text.
	macroCall = regexp.MustCompile(`(?s)^([!?]*)([A-Za-z_][A-Za-z0-9_]*)(?::(.*))?$`)
)

// budget bounds what the expansions of a whole spec cost, in calls and bytes.
type budget int

const specBudget budget = 8 << 20

// expand replaces the macros in text. It says false if one of them is not known
// or takes more than a look-up: a shell, an expression, arguments.
func (s scope) expand(text string, left *budget) (string, bool) {
	if *left < 0 {
		return "", false
	}
	e := expansion{scope: s}
	ok := e.write(text, 0)
	*left -= budget(e.calls + e.out.Len())
	return e.out.String(), ok
}

type expansion struct {
	scope scope
	out   strings.Builder
	calls int
}

func (e *expansion) write(text string, depth int) bool {
	for {
		before, rest, found := strings.Cut(text, "%")
		e.out.WriteString(before)
		if !found {
			return e.out.Len() <= maxExpandBytes
		}
		if e.calls++; e.calls > maxExpandCalls || depth > maxExpandDepth || e.out.Len() > maxExpandBytes {
			return false
		}
		call, after, ok := cutCall(rest)
		if !ok || !e.call(call, depth) {
			return false
		}
		text = after
	}
}

// cutCall splits what follows a % into the call and what comes after it.
func cutCall(rest string) (call, after string, ok bool) {
	switch {
	case strings.HasPrefix(rest, "%"):
		return "%", rest[1:], true
	case strings.HasPrefix(rest, "{"):
		end := closing(rest)
		if end < 0 {
			return "", "", false
		}
		return rest[1:end], rest[end+1:], true
	}
	flags := len(rest) - len(strings.TrimLeft(rest, "!?"))
	name := macroName.FindString(rest[flags:])
	if name == "" {
		return "", "", false // %(shell), %[expression], %*
	}
	end := flags + len(name)
	return rest[:end], rest[end:], true
}

// closing is the index of the brace that closes the one at the start, or -1.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func (e *expansion) call(call string, depth int) bool {
	if call == "%" {
		e.out.WriteByte('%')
		return true
	}
	m := macroCall.FindStringSubmatch(call)
	if m == nil {
		return false
	}
	flags, name, text := m[1], m[2], m[3]
	body, known := e.scope[name]
	switch {
	case !known: // what is unknown here may well be defined in the root
		return false
	case strings.Count(flags, "!")%2 == 1:
		return true
	case strings.Contains(flags, "?") && strings.Contains(call, ":"):
		return e.write(text, depth+1)
	}
	return e.write(body, depth+1)
}

// nesting is the brackets that a %{, %( or %[ opened and nothing closed yet:
// while there are some, rpm reads on in the next line.
type nesting []byte

// add goes through more text.
func (n *nesting) add(text string) {
	for i := 0; i < len(text); i++ {
		c, last := text[i], len(*n)-1
		switch {
		case c == '%' && i+1 < len(text) && closers[text[i+1]] != 0:
			i++
			*n = append(*n, closers[text[i]])
		case last < 0:
		case c == (*n)[last]:
			*n = (*n)[:last]
		case closers[c] == (*n)[last]:
			*n = append(*n, closers[c])
		}
	}
}

var closers = map[byte]byte{'{': '}', '(': ')', '[': ']'}
