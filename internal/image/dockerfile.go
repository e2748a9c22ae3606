package image

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// reference is a place where a Dockerfile names another image.
type reference struct {
	line    int
	verb    string // FROM, COPY --from, RUN --mount=from
	name    string // with arguments in place
	written string
}

// dockerfile is what one Dockerfile says to one architecture.
type dockerfile struct {
	file     string // below the checkout
	arch     string
	refs     []reference
	base     string   // what the last stage begins with, through other stages
	copies   []string // sources of COPY that come from the context
	problems []problem
	bad      error // the first problem that hides which images are named
}

// problem is what is wrong at a line, and what to do.
type problem struct {
	line      int
	what, fix string
}

// reading is where the reader of a Dockerfile is.
type reading struct {
	*dockerfile
	lex     *shell.Lex
	given   map[string]string // build arguments
	builtin map[string]string // what a builder sets by itself
	global  map[string]string // arguments from before the first FROM
	stage   map[string]string // arguments and environment of this stage
	stages  []string          // names of the stages so far, in lower case
	bases   map[string]string // what each of them begins with, by its name
}

// readDockerfile finds the images that a Dockerfile names. It reads more than it
// understands: an instruction that no builder takes is a problem of that line, and
// the others still count.
func readDockerfile(file string, data []byte, arch string, arguments map[string]string) *dockerfile {
	d := &dockerfile{file: file, arch: arch}
	parsed, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		d.bad = fmt.Errorf("%s:%d: %w", file, lineOf(err), err)
		d.problems = append(d.problems, problem{lineOf(err), err.Error(), asABuilder})
		return d
	}
	r := &reading{
		dockerfile: d, lex: shell.NewLex(parsed.EscapeToken), given: arguments,
		builtin: builtins(arch), global: map[string]string{}, bases: map[string]string{},
	}
	for _, node := range parsed.AST.Children {
		r.instruction(node)
	}
	if len(r.stages) == 0 {
		r.fatal(1, "there is no FROM", "begin with FROM scratch or with another image")
	}
	return d
}

// builtins are the arguments that builders set for an architecture.
func builtins(arch string) map[string]string {
	platform := "linux/" + arch
	return map[string]string{
		"TARGETPLATFORM": platform, "TARGETOS": "linux", "TARGETARCH": arch, "TARGETVARIANT": "",
		"BUILDPLATFORM": platform, "BUILDOS": "linux", "BUILDARCH": arch, "BUILDVARIANT": "",
	}
}

func lineOf(err error) int {
	var at *parser.ErrorLocation
	if errors.As(err, &at) && len(at.Location) > 0 {
		return max(1, at.Location[0].Start.Line)
	}
	return 1
}

func (r *reading) fatal(line int, what, fix string) {
	r.problems = append(r.problems, problem{line, what, fix})
	if r.bad == nil {
		r.bad = fmt.Errorf("%s:%d: %s; %s", r.file, line, what, fix)
	}
}

func (r *reading) instruction(node *parser.Node) {
	line, word := node.StartLine, strings.ToUpper(node.Value)
	parsed, err := instructions.ParseInstruction(node)
	switch {
	case err != nil && word == "FROM":
		r.fatal(line, err.Error(), asABuilder)
		r.begin("")
		return
	case err != nil:
		r.problems = append(r.problems, problem{line, err.Error(), asABuilder})
		parsed = nil
	case len(r.stages) == 0 && word != "FROM" && word != "ARG":
		r.problems = append(r.problems, problem{line, word + " comes before the first FROM", "begin with FROM"})
	}
	switch c := parsed.(type) {
	case *instructions.Stage:
		r.from(c, line)
	case *instructions.ArgCommand:
		r.arg(c)
	case *instructions.EnvCommand:
		r.env(c)
	default:
		r.named(node, line, false)
	}
}

const asABuilder = "write it as a builder can read it"

// begin begins a stage.
func (r *reading) begin(name string) {
	r.stages = append(r.stages, strings.ToLower(name))
	r.stage = map[string]string{}
}

func (r *reading) from(stage *instructions.Stage, line int) {
	name, err := r.expand(stage.BaseName, r.builtin, r.global)
	switch {
	case err != nil:
		r.fatal(line, fmt.Sprintf("FROM %s: %v", stage.BaseName, err), "give the argument a default before the first FROM")
	case name == "":
		r.problems = append(r.problems, problem{line, "FROM " + stage.BaseName + " names no image",
			"give the argument a default before the first FROM"})
	case !isStage(r.stages, name):
		r.refs = append(r.refs, reference{line, "FROM", name, stage.BaseName})
	}
	r.base = cmp.Or(r.bases[strings.ToLower(name)], name)
	r.bases[strings.ToLower(stage.Name)] = r.base
	r.begin(stage.Name)
}

// arg sets arguments. One without a default has the value that it was given, or
// else the one from before the first FROM.
func (r *reading) arg(c *instructions.ArgCommand) {
	for _, arg := range c.Args {
		value, ok := r.given[arg.Key]
		if !ok && arg.Value != nil {
			value, ok = r.expanded(*arg.Value), true
		}
		if len(r.stages) == 0 {
			if ok {
				r.global[arg.Key] = value
			}
			continue
		}
		if !ok {
			value, ok = r.outside(arg.Key)
		}
		if ok {
			r.stage[arg.Key] = value
		}
	}
}

func (r *reading) outside(key string) (string, bool) {
	if value, ok := r.global[key]; ok {
		return value, true
	}
	value, ok := r.builtin[key]
	return value, ok
}

func (r *reading) env(c *instructions.EnvCommand) {
	for _, pair := range c.Env {
		if r.stage != nil {
			r.stage[pair.Key] = r.expanded(pair.Value)
		}
	}
}

// expanded is a value with the variables of this place; one that does not expand
// stays as it is written.
func (r *reading) expanded(value string) string {
	scope := r.stage
	if len(r.stages) == 0 {
		scope = r.global
	}
	if out, err := r.expand(value, scope); err == nil {
		return out
	}
	return value
}

func (r *reading) expand(word string, scopes ...map[string]string) (string, error) {
	env := map[string]string{}
	for _, scope := range scopes {
		maps.Copy(env, scope)
	}
	return r.lex.ProcessWordWithMap(word, env)
}
