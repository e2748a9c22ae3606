package image

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// named takes down which images COPY and RUN name. What ONBUILD holds is done by
// an image that is built upon this one, so a plain word may be a stage over there.
func (r *reading) named(node *parser.Node, line int, later bool) {
	switch strings.ToLower(node.Value) {
	case "onbuild":
		if node.Next != nil && len(node.Next.Children) > 0 {
			r.named(node.Next.Children[0], line, true)
		}
	case "copy":
		from, ok := copyFrom(node)
		if ok {
			r.refer(line, "COPY --from", from, later)
		} else {
			r.copies = append(r.copies, sources(node)...)
		}
	case "run":
		for _, from := range mountsFrom(node) {
			r.refer(line, "RUN --mount=from", from, later)
		}
	}
}

// copyFrom is the value of a COPY's --from.
func copyFrom(node *parser.Node) (string, bool) {
	for _, flag := range node.Flags {
		if from, ok := strings.CutPrefix(flag, "--from="); ok {
			return from, true
		}
	}
	return "", false
}

// sources are all operands of a COPY but the last.
func sources(node *parser.Node) []string {
	var words []string
	for n := node.Next; n != nil; n = n.Next {
		words = append(words, n.Value)
	}
	return words[:max(0, len(words)-1)]
}

// mountsFrom are the values of from= in a RUN's --mount flags.
func mountsFrom(node *parser.Node) []string {
	var froms []string
	for _, flag := range node.Flags {
		mount, ok := strings.CutPrefix(flag, "--mount=")
		fields, err := csv.NewReader(strings.NewReader(mount)).Read()
		if !ok || err != nil {
			continue
		}
		for _, field := range fields {
			if key, from, _ := strings.Cut(field, "="); strings.EqualFold(key, "from") {
				froms = append(froms, from)
			}
		}
	}
	return froms
}

func (r *reading) refer(line int, verb, written string, later bool) {
	name := r.expanded(written)
	number, err := strconv.Atoi(name)
	before := r.stages[:max(0, len(r.stages)-1)] // the last one is this
	switch {
	case name == "":
		r.problems = append(r.problems, problem{line, verb + "=" + written + " names no image", "name a stage or an image"})
	case later && !strings.ContainsAny(name, "/:@"): // a stage of whoever builds upon this image
	case err == nil && (number < 0 || number >= len(before)):
		r.problems = append(r.problems, problem{line, fmt.Sprintf("%s=%d: there is no stage %d before this one", verb, number, number), "name the stage"})
	case err != nil && !isStage(before, name):
		r.refs = append(r.refs, reference{line, verb, name, written})
	}
}

func isStage(stages []string, name string) bool {
	return name != "" && slices.Contains(stages, strings.ToLower(name))
}
