package comment

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestCommands(t *testing.T) {
	promote := []Command{{Name: "promote", Args: "a to b"}}
	unseen := "it holds a character that cannot be seen, or a space that is none; type it anew"
	tests := []struct {
		name, body string
		want       []Command
	}{
		{"alone", "/promote a to b", promote},
		{"no arguments", "/promote", []Command{{Name: "promote"}}},
		{"as GitHub sends lines", "Now:\r\n/promote a to b\r\nThanks!\r\n", promote},
		{"in a paragraph", "Now.\n/promote a to b\nThanks!", promote},
		{"two of them", "/hold-promotion it is\n\n/promote a to b", []Command{{Name: "hold-promotion", Args: "it is"}, promote[0]}},
		{"other people's", "/lgtm\n/promote a to b", []Command{{Name: "lgtm"}, promote[0]}},
		{"tab and spaces", "/promote \t a to b  ", promote},
		{"marks in the reason", "/hold-promotion *really* `not` <now>? é 犬 🙂", []Command{{Name: "hold-promotion", Args: "*really* `not` <now>? é 犬 🙂"}}},
		{"after a template's comment", "<!-- say what -->\n\n/promote a to b", promote},
		{"after a closed fence", "```\nx\n```\n/promote a to b", promote},
		{"after a quote and a blank line", "> x\n\n/promote a to b", promote},
		{"after an open backtick", "it`s\n/promote a to b", promote},
		{"after an open comment in a line", "a <!-- b\n/promote a to b", promote},

		{"middle of a line", "please /promote a to b", nil},
		{"indented by one", " /promote a to b", nil},
		{"continued with an indent", "Now\n     /promote a to b", nil},
		{"path", "/promote/a to b", nil},
		{"capital", "/Promote a to b", nil},
		{"only a slash", "/ promote a to b", nil},
		{"begins with a dash", "/-promote a to b", nil},
		{"quote", "> /promote a to b", nil},
		{"lazy quote", "> He said:\n/promote a to b", nil},
		{"lazy quote in a quote", "> > He said:\n/promote a to b", nil},
		{"alert", "> [!NOTE]\n> x\n/promote a to b", nil},
		{"fence", "```\n/promote a to b\n```", nil},
		{"unclosed fence", "```\n\n/promote a to b", nil},
		{"tildes", "~~~ sh\n/promote a to b\n~~~", nil},
		{"fence closed by too few", "````\n```\n/promote a to b\n````", nil},
		{"indented code", "x\n\n    code\n\n\t/promote a to b", nil},
		{"list", "- x\n\n  /promote a to b", nil},
		{"lazy list", "1. x\n/promote a to b", nil},
		{"lazy task list", "- [ ] x\n/promote a to b", nil},
		{"HTML comment", "<!--\n/promote a to b\n-->", nil},
		{"unclosed HTML comment", "<!--\n\n/promote a to b", nil},
		{"HTML comment across a line", "x <!-- y\n/promote a to b\n-->", nil},
		{"HTML comment that ends twice", "<!-- x --> <div hidden> -->\n\n/promote a to b", nil},
		{"HTML block", "<div>\n/promote a to b\n</div>", nil},
		{"details", "<details><summary>x</summary>\n\n/promote a to b\n\n</details>", nil},
		{"inline HTML before", "x <b>\n/promote a to b\n</b>", nil},
		{"inline HTML in a paragraph before", "x <details>\n\n/promote a to b", nil},
		{"pre", "<pre>\n\n/promote a to b", nil},
		{"table", "| a |\n| - |\n/promote a to b", nil},
		{"table's header", "/promote a | b\n--- | ---\n1 | 2", nil},
		{"link definition", "[x]: /y '\n/promote a to b\n'", nil},
		{"heading", "/promote a to b\n===", nil},
		{"heading by dashes", "x\n/promote a to b\n---", nil},
		{"code across lines", "`x\n/promote a to b\ny`", nil},
		{"emphasis across lines", "**x\n/promote a to b\ny**", nil},
		{"struck out", "~~x\n/promote a to b\ny~~", nil},
		{"link's text", "[x\n/promote a to b\ny](https://example.com)", nil},
		{"footnote", "x[^1]\n\n[^1]: y\n/promote a to b", nil},
		{"math", "$$\n/promote a to b\n$$", nil},
		{"entity", "&#47;promote a to b", nil},
		{"escape", "\\/promote a to b", nil},
		{"wide slash", "／promote a to b", nil},
		{"division slash", "∕promote a to b", nil},
		{"Cyrillic o", "/prоmote a to b", nil},
		{"combining mark", "/promote\u0301 a to b", nil},
		{"byte order mark before", "\ufeff/promote a to b", nil},
		{"only a carriage return before", "x\r/promote a to b", nil},
		{"line separator before", "x\u2028/promote a to b", nil},

		{"no-break space", "/promote\u00a0a to b", []Command{{Name: "promote", Problem: unseen}}},
		{"zero width in the arguments", "/promote a\u200b to b", []Command{{Name: "promote", Problem: unseen}}},
		{"bidirectional", "/promote a \u202eto b", []Command{{Name: "promote", Problem: unseen}}},
		{"isolate", "/promote a \u2066to\u2069 b", []Command{{Name: "promote", Problem: unseen}}},
		{"control", "/promote a\x00 to b", []Command{{Name: "promote", Problem: unseen}}},
		{"escape sequence", "/promote a\x1b[2K to b", []Command{{Name: "promote", Problem: unseen}}},
		{"carriage return in it", "/promote a\rto b", []Command{{Name: "promote", Problem: unseen}}},
		{"soft hyphen", "/promote a\u00ad to b", []Command{{Name: "promote", Problem: unseen}}},
		{"tag characters", "/promote a\U000e0061 to b", []Command{{Name: "promote", Problem: unseen}}},
		{"variation selector", "/promote a\ufe01 to b", []Command{{Name: "promote", Problem: unseen}}},
		{"Hangul filler", "/promote a\u3164 to b", []Command{{Name: "promote", Problem: unseen}}},
		{"no UTF-8", "/promote a\xff to b", []Command{{Name: "promote", Problem: unseen}}},
		{"empty", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Commands(tt.body)); diff != "" {
				t.Errorf("%q (- want, + got):\n%s", tt.body, diff)
			}
		})
	}
}

func TestTooManyCommandsAreNone(t *testing.T) {
	ten := strings.Repeat("/promote a to b\n", 10)
	if got := Commands(ten); len(got) != 10 || got[9].Problem != "" {
		t.Errorf("ten commands: got %d, the last with %q", len(got), got[len(got)-1].Problem)
	}
	for _, body := range []string{ten + "/lgtm\n", strings.Repeat("/promote\n", 5000) + "/lgtm\n"} {
		got := Commands(body)
		if len(got) != 2 || got[0].Name != "promote" || got[0].Problem == "" || got[1].Problem == "" || got[0].Args != "" {
			t.Errorf("more than ten commands: got %+v", got)
		}
	}
}

func TestLongCommentHasNoCommands(t *testing.T) {
	fits := "/promote a to b\n" + strings.Repeat("é", MaxLength-16)
	if len(Commands(fits)) != 1 {
		t.Error("a comment as long as GitHub allows has no command")
	}
	if got := Commands(fits + "é"); got != nil {
		t.Errorf("a comment that is too long has %+v", got)
	}
}

// hard are bodies that make careless readers of Markdown slow.
var hard = map[string]string{
	"quotes": ">", "nested lists": "- ", "brackets": "[", "images": "![", "backticks": "`a``b```c", "stars": "*a **b ", "comments": "<!-- ", "tags": "<a ", "tables": "|a\n|-\n",
	"definitions": "[a]: b\n", "entities": "&#", "footnotes": "[^a]: ", "links": "[a](", "underscores": "a_", "tildes": "~~a ", "blank": "\n", "tabs": "\t", "angle": "<", "escapes": `\`,
	"code lines": "`\n", "numbers": "1. ", "fences": "```\n~~~\n", "commands": "/promote\n", "lines": "a\n", "parentheses": "[a](((((", "declarations": "<!A ", "mixed nesting": "> - 1. ", "dashes": "-", "rows of quotes": "> > > > > > > > > >\n", "nested rows": strings.Repeat("> ", 49) + "a\n",
	"starts of links": "[a][", "emails": "a@", "autolinks": "<http:", "emphasis": "*_", "crossed emphasis": "*a_", "struck out emphasis": "~a*b_", "emphasis just short of too much": "*a_           \n", "indents": "   -\n", "deeper": "- a\n  - ", "instructions": "<?", "cdata": "<![CDATA[",
}

func TestNothingIsSlow(t *testing.T) {
	for name, part := range hard {
		for _, length := range []int{MaxLength, 1 << 20} {
			body := "/promote a to b\n\n" + strings.Repeat(part, length/len(part)+1)
			body = body[:length-2] + "\n/"
			begin := time.Now()
			Commands(body)
			if took := time.Since(begin); took > 500*time.Millisecond {
				t.Errorf("%s: %d bytes took %s", name, length, took)
			} else if testing.Verbose() && took > 20*time.Millisecond {
				t.Logf("%s: %d bytes took %s", name, length, took)
			}
		}
	}
}

func FuzzCommands(f *testing.F) {
	for _, part := range hard {
		f.Add("/promote a to b\r\n" + strings.Repeat(part, 3) + "\n/lgtm")
	}
	f.Fuzz(func(t *testing.T, body string) {
		commands := Commands(body)
		lines := map[string]bool{}
		for line := range strings.Lines(strings.ReplaceAll(body, "\r\n", "\n")) {
			lines[strings.TrimSpace(strings.TrimSuffix(line, "\n"))] = true
		}
		for _, c := range commands {
			if strings.Trim(c.Name, "abcdefghijklmnopqrstuvwxyz-") != "" || c.Name == "" {
				t.Errorf("name %q", c.Name)
			}
			if c.Problem != "" {
				continue
			}
			if !utf8.ValidString(c.Args) || strings.ContainsAny(c.Args, "\n\r\u00a0\u200b\u202e") {
				t.Errorf("arguments %q", c.Args)
			}
			if !anyLine(lines, c) {
				t.Errorf("%+v is no line of %q", c, body)
			}
		}
		if quoted := Commands("> " + strings.ReplaceAll(body, "\n", "\n> ")); len(quoted) > 0 {
			t.Errorf("quoted: got %+v of %q", quoted, body)
		}
	})
}

func anyLine(lines map[string]bool, c Command) bool {
	for line := range lines {
		if rest, ok := strings.CutPrefix(line, "/"+c.Name); ok && strings.TrimSpace(rest) == c.Args {
			return true
		}
	}
	return false
}

func ExampleCommands() {
	for _, c := range Commands("> /rollback stable\n\nNo:\n/promote hello-os to testing") {
		fmt.Println(c.Name, "|", c.Args)
	}
	// Output: promote | hello-os to testing
}
