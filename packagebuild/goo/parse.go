package goo

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
)

// maxSpec is the most that a goospec may be, before and after its template is filled in.
const maxSpec = 1 << 20 // bytes

// ParseSpec reads a goospec: a Go template, whose only variable is version, that
// makes JSON. Path is for errors; version is in the form that googet can parse.
func ParseSpec(path string, text []byte, version string) (*Spec, error) {
	made, err := fillIn(path, text, version)
	if err != nil {
		return nil, err
	}
	spec := Spec{Path: path}
	var recipe struct {
		Build   Build
		Sources []Sources
	}
	for _, into := range []any{&spec.Package, &recipe} {
		if err := json.Unmarshal(made, into); err != nil {
			return nil, jsonError(path, text, made, err)
		}
	}
	spec.Build, spec.Sources = recipe.Build, recipe.Sources
	if strings.Contains(version, "+") && holds(spec.Package.Version, version) {
		spec.Package.Version = oneBuild(spec.Package.Version)
	}
	spec.Package.normalize()
	if err := spec.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &spec, nil
}

func (s *Spec) validate() error {
	if err := s.Package.validate(); err != nil {
		return err
	}
	for i, sources := range s.Sources {
		if err := sources.validate(); err != nil {
			return fmt.Errorf("sources %d: %w", i+1, err)
		}
	}
	return nil
}

// fillIn executes the template. Actions that could run without end are refused,
// since nothing else would stop them.
func fillIn(path string, text []byte, version string) ([]byte, error) {
	if len(text) > maxSpec {
		return nil, fmt.Errorf("%s has %d bytes; a goospec may have %d", path, len(text), maxSpec)
	}
	t, err := template.New(templateName).Option("missingkey=zero").Parse(string(text))
	if err != nil {
		return nil, templateError(path, text, err)
	}
	if node := endless(t.Root); node != nil {
		line, column := locate(text, int(node.Position()))
		return nil, syntaxError(path, text, line, column, fmt.Sprintf("a goospec may not use %.20s", node))
	}
	var made limitedBuffer
	if err := t.Execute(&made, map[string]string{"version": version}); err != nil {
		return nil, templateError(path, text, err)
	}
	return made.Bytes(), nil
}

// endless finds a loop or a template that may call itself.
func endless(node parse.Node) parse.Node {
	switch n := node.(type) {
	case *parse.RangeNode, *parse.TemplateNode:
		return n
	case *parse.IfNode:
		return firstEndless(n.List, n.ElseList)
	case *parse.WithNode:
		return firstEndless(n.List, n.ElseList)
	case *parse.ListNode:
		return firstEndless(n)
	}
	return nil
}

func firstEndless(lists ...*parse.ListNode) parse.Node {
	for _, list := range lists {
		if list == nil {
			continue
		}
		for _, node := range list.Nodes {
			if found := endless(node); found != nil {
				return found
			}
		}
	}
	return nil
}

// limitedBuffer is a buffer that takes maxSpec bytes.
type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxSpec {
		return 0, fmt.Errorf("the text that the template makes is over %d bytes", maxSpec)
	}
	return b.Buffer.Write(p)
}

const templateName = "goospec"

// templateMessage takes text/template's message apart: it has no other form.
// Lines count from 1, columns (bytes) from 0, and an error of syntax has none.
var templateMessage = regexp.MustCompile(`(?s)^template: ` + templateName + `:(\d+)(?::(\d+))?: (?:executing "[^"]*" at )?(.*)$`)

func templateError(path string, text []byte, err error) error {
	m := templateMessage.FindStringSubmatch(err.Error())
	if m == nil {
		return fmt.Errorf("fill in the template of %s: %w", path, err)
	}
	line, _ := strconv.Atoi(m[1])
	column := bytes.Index(lineOf(text, line), []byte("{{"))
	if m[2] != "" {
		column, _ = strconv.Atoi(m[2])
	}
	return syntaxError(path, text, line, max(column, 0)+1, m[3])
}

// jsonError says where made, the JSON that text's template made, is wrong.
func jsonError(path string, text, made []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var problem string
	var offset int64
	switch {
	case errors.As(err, &syntax):
		problem, offset = syntax.Error(), syntax.Offset
	case errors.As(err, &kind):
		problem, offset = kindProblem(kind), kind.Offset
	case errors.As(err, new(base64.CorruptInputError)):
		return fmt.Errorf("parse %s: a tag's value must be base64: %w", path, err)
	default:
		return fmt.Errorf("parse %s: %w", path, err)
	}
	if bytes.Count(text, newline) != bytes.Count(made, newline) {
		path += ", as its template fills it in"
	}
	line, column := locate(made, int(offset)-1)
	return syntaxError(path, made, line, column, problem)
}

// kindProblem words a value of the wrong kind in JSON's terms, not Go's.
func kindProblem(err *json.UnmarshalTypeError) string {
	wanted := err.Type.Kind().String()
	switch err.Type.Kind() {
	case reflect.Struct, reflect.Map:
		wanted = "object"
	case reflect.Slice:
		wanted = "array"
	}
	return fmt.Sprintf("%s is %s, but must be %s", cmp.Or(err.Field, "the whole"), err.Value, wanted)
}

var newline = []byte("\n")

// locate turns an offset into a line and a column, both from 1.
func locate(text []byte, offset int) (line, column int) {
	before := text[:min(max(offset, 0), len(text))]
	return bytes.Count(before, newline) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

// lineOf is a line of text, without its end; the first is 1.
func lineOf(text []byte, line int) []byte {
	lines := bytes.Split(text, newline)
	if line < 1 || line > len(lines) {
		return nil
	}
	return bytes.TrimSuffix(lines[line-1], []byte("\r"))
}

// maxShown is how much of a line an error shows.
const maxShown = 200 // bytes

// syntaxError names the place, shows its line, and points at the column.
func syntaxError(path string, text []byte, line, column int, problem string) error {
	shown := lineOf(text, line)
	if len(shown) > maxShown || len(bytes.TrimSpace(shown)) == 0 {
		return fmt.Errorf("%s:%d:%d: %s", path, line, column, problem)
	}
	indent := bytes.Map(blank, shown[:min(column-1, len(shown))])
	return fmt.Errorf("%s:%d:%d: %s\n\t%s\n\t%s^", path, line, column, problem, shown, indent)
}

// blank keeps tabs, so that what is below a line stays below it.
func blank(r rune) rune {
	if r == '\t' {
		return r
	}
	return ' '
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
