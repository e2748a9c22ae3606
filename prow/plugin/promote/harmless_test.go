package promote_test

import (
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// wantHarmless sees that a comment of the robot says nothing that is not its own: text
// of others stands in code, where it calls nobody, links nowhere and hides nothing.
func (f *fray) wantHarmless(body string) {
	f.Helper()
	for _, what := range harms(body, f.GitHub.URL()) {
		f.Errorf("%s in a comment of the robot:\n%s", what, body)
	}
}

var asGitHub = goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser()

// harms lists what no comment of the robot may hold; links go to GitHub or to Prow.
func harms(body, github string) (all []string) {
	if !strings.HasPrefix(body, "<!-- slipway:") {
		all = append(all, "no mark")
	}
	if n := len(planLine.FindAllString(body, -1)); n > 1 {
		all = append(all, "more than one plan")
	}
	source := []byte(body)
	_ = ast.Walk(asGitHub.Parse(text.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		if what := harm(n, source, github); what != "" {
			all = append(all, what)
		}
		if n.Kind() == ast.KindCodeSpan {
			return ast.WalkSkipChildren, nil
		}
		return ast.WalkContinue, nil
	})
	return all
}

func harm(n ast.Node, source []byte, github string) string {
	switch n := n.(type) {
	case *ast.Text:
		if strings.ContainsAny(string(n.Value(source)), "@#<`|") {
			return "text that calls somebody, or is no plain text"
		}
	case *ast.HTMLBlock:
		if n.PreviousSibling() != nil || n.HTMLBlockType != ast.HTMLBlockType2 || n.Lines().Len() > 1 {
			return "HTML beside the mark"
		}
	case *ast.Link:
		if !strings.HasPrefix(string(n.Destination), github+"/") {
			return "a link to " + string(n.Destination)
		}
	case *ast.AutoLink:
		if !strings.HasPrefix(string(n.URL(source)), "https://prow.example.com/") {
			return "a link to " + string(n.URL(source))
		}
	case *ast.RawHTML, *ast.Image, *ast.Heading, *ast.Blockquote, *ast.ThematicBreak:
		return n.Kind().String()
	case *ast.Emphasis:
		if before := n.Parent().PreviousSibling(); n.Level != 2 || n.PreviousSibling() != nil || before == nil || before.Kind() != ast.KindHTMLBlock {
			return "emphasis"
		}
	}
	return ""
}

// A check that lets all pass proves nothing.
func TestHarms(t *testing.T) {
	const mark, github = "<!-- slipway:answer 1 -->\n", "http://github.example.com"
	for _, good := range []string{
		"**Promotion of `a`**: waiting — somebody holds it: `@all <b> ![x](y) <!-- # [z](https://evil.example.com)`\n\nAsked for in [this comment](" + github + "/a/b).\n",
		"To [this comment](" + github + "/a/b):\n\n- `/promote @all`: no\n",
	} {
		if got := harms(mark+good, github); len(got) > 0 {
			t.Errorf("%q has %q", good, got)
		}
	}
	for _, bad := range []string{
		"no: @all", "no: [a](https://evil.example.com)", "no: https://evil.example.com", "no: ![a](b)", "no: <b>x", "no: *x*", "no: **x**",
		"- x\n\n> no", "no\n---\n", "# no", "no: #1", "no <!-- x", "Plan `sha256:" + strings.Repeat("0", 64) + "`\nPlan `sha256:" + strings.Repeat("1", 64) + "`", "no: `x", "<details>\n",
	} {
		if got := harms(mark+bad, github); len(got) == 0 {
			t.Errorf("%q passes", bad)
		}
	}
}
