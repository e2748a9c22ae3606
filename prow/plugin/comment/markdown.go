package comment

import (
	"bytes"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// markdown reads what GitHub renders. Nothing is rendered here.
var markdown = goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.Footnote)).Parser()

// visible lists the lines that begin with a slash and are plain text of the
// document's own paragraphs. HTML can hide all that follows it, so reading ends at
// the first that is more than a comment.
func visible(source []byte) []string {
	var lines []string
	document := markdown.Parse(text.NewReader(source), parser.WithContext(parser.NewContext()))
	for block := document.FirstChild(); block != nil; block = block.NextSibling() {
		switch block := block.(type) {
		case *ast.HTMLBlock:
			if !isComment(htmlText(block, source)) {
				return lines
			}
		case *ast.Paragraph:
			more, end := plainLines(block, source)
			lines = append(lines, more...)
			if end {
				return lines
			}
		}
	}
	return lines
}

// plainLines are a paragraph's lines that begin outside of any code, emphasis or link;
// end says that HTML begins in it. In math nothing is plain.
func plainLines(paragraph *ast.Paragraph, source []byte) (lines []string, end bool) {
	segments := paragraph.Lines()
	if bytes.Contains(segments.Value(source), []byte("$$")) {
		return nil, false
	}
	starts, end := plainStarts(paragraph, source)
	for _, segment := range segments.Sliced(0, segments.Len()) {
		start := segment.Start
		if source[start] != '/' || start > 0 && source[start-1] != '\n' || !starts[start] {
			continue
		}
		lines = append(lines, string(segment.Value(source)))
	}
	return lines, end
}

// plainStarts are the places at which plain text begins in the paragraph.
func plainStarts(paragraph *ast.Paragraph, source []byte) (starts map[int]bool, end bool) {
	starts = map[int]bool{}
	for inline := paragraph.FirstChild(); inline != nil; inline = inline.NextSibling() {
		switch inline := inline.(type) {
		case *ast.Text:
			starts[inline.Segment.Start] = true
		case *ast.RawHTML:
			if !isComment(inline.Segments.Value(source)) {
				return starts, true
			}
		}
	}
	return starts, false
}

func htmlText(block *ast.HTMLBlock, source []byte) []byte {
	content := block.Lines().Value(source)
	if block.HasClosure() {
		content = append(content, block.ClosureLine.Value(source)...)
	}
	return content
}

// isComment says whether HTML is one comment and nothing more.
func isComment(html []byte) bool {
	html = bytes.TrimSpace(html)
	end := bytes.Index(html, []byte("-->"))
	return bytes.HasPrefix(html, []byte("<!--")) && end >= 4 && end == len(html)-3
}
