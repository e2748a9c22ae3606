package build

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"slipway.dev/slipway/internal/image"
)

// pin puts exact names in place of the names of a tree's images: names is what each
// parent is called. All else of the Dockerfile stays as it is, byte for byte.
func pin(dockerfile []byte, references []image.Reference, names map[string]string) ([]byte, error) {
	if len(references) == 0 {
		return dockerfile, nil
	}
	parsed, err := parser.Parse(bytes.NewReader(dockerfile))
	if err != nil {
		return nil, err
	}
	ends := map[int]int{}
	for _, node := range parsed.AST.Children {
		ends[node.StartLine] = node.EndLine
	}
	lines := bytes.SplitAfter(dockerfile, []byte("\n"))
	for _, ref := range references {
		end, ok := ends[ref.Line]
		if !ok || end > len(lines) {
			return nil, fmt.Errorf("line %d: there is no instruction that names %s", ref.Line, ref.Written)
		}
		if !replace(lines[ref.Line-1:end], ref.Written, names[ref.Parent]) {
			return nil, fmt.Errorf("line %d: %s is written in a way that the builder does not understand; write it plainly", ref.Line, ref.Written)
		}
	}
	return bytes.Join(lines, nil), nil
}

// replace puts name in the place of the first word that is written so: an operand of
// FROM, or the value of a from= flag.
func replace(lines [][]byte, written, name string) bool {
	word := regexp.MustCompile(`(?:^|[\s"'=])(` + regexp.QuoteMeta(written) + `)(?:$|[\s"',])`)
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(string(line)), "#") {
			continue
		}
		if at := word.FindSubmatchIndex(line); at != nil {
			lines[i] = bytes.Join([][]byte{line[:at[2]], []byte(name), line[at[3]:]}, nil)
			return true
		}
	}
	return false
}
