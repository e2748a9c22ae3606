package image

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadDockerfile(t *testing.T) {
	tests := []struct {
		name, text string
		refs       []string
		problems   []string
	}{
		{name: "comments and directives", text: "# syntax=docker/dockerfile:1\n# FROM no\nFROM a\n", refs: []string{"3 FROM a"}},
		{name: "a stage", text: "FROM a AS Build\nFROM build\nFROM BUILD as c\nFROM b\n", refs: []string{"1 FROM a", "4 FROM b"}},
		{name: "a stage by name and number", text: "FROM a AS x\nFROM b\nCOPY --from=0 a /\nCOPY --from=x a /\nCOPY --from=c a /\n", refs: []string{"1 FROM a", "2 FROM b", "5 COPY --from c"}},
		{name: "a stage is not its own source", text: "FROM a AS x\nCOPY --from=x a /\n", refs: []string{"1 FROM a", "2 COPY --from x"}},
		{name: "numbers out of range", text: "FROM a\nCOPY --from=0 a /\nCOPY --from=-1 a /\nCOPY --from=7 a /\n", refs: []string{"1 FROM a"},
			problems: []string{"2 COPY --from=0: there is no stage 0", "3 COPY --from=-1: there is no stage -1", "4 COPY --from=7: there is no stage 7"}},
		{name: "platform", text: "FROM --platform=$BUILDPLATFORM a\n", refs: []string{"1 FROM a"}},
		{name: "case", text: "from a as x\ncopy --from=b a /\nFrom X\n", refs: []string{"1 FROM a", "2 COPY --from b"}},
		{name: "arguments", text: "ARG A=a\nARG B=${A}b\nARG C\nFROM $B:${C:-latest}\nFROM ${D:-d}\nFROM ${A:+x}\n", refs: []string{"4 FROM ab:latest", "5 FROM d", "6 FROM x"}},
		{name: "a given argument", text: "ARG GIVEN=no\nFROM $GIVEN\nARG GIVEN\nCOPY --from=$GIVEN a /\n", refs: []string{"2 FROM yes", "4 COPY --from yes"}},
		{name: "an argument that is not declared", text: "FROM x$GIVEN\n", refs: []string{"1 FROM x"}},
		{name: "an architecture", text: "FROM a-$TARGETARCH\nARG TARGETARCH\nCOPY --from=b-$TARGETARCH a /\n", refs: []string{"1 FROM a-arm64", "3 COPY --from b-arm64"}},
		{name: "an argument of a stage", text: "ARG A=out\nFROM a\nCOPY --from=x$A a /\nARG A\nCOPY --from=x$A a /\nARG A=in\nENV B=$A\nCOPY --from=$B a /\nFROM b\nCOPY --from=x$A a /\n",
			refs: []string{"2 FROM a", "3 COPY --from x", "5 COPY --from xout", "8 COPY --from in", "9 FROM b", "10 COPY --from x"}},
		{name: "no image", text: "ARG A\nFROM $A\n", problems: []string{"2 FROM $A names no image"}},
		{name: "an argument that must be", text: "FROM ${A:?}\n", problems: []string{"1 FROM ${A:?}"}},
		{name: "mounts", text: "FROM a\nRUN --mount=type=bind,from=b,target=/x --mount=type=cache,from=c,target=/y --mount=type=tmpfs,target=/z x\n",
			refs: []string{"1 FROM a", "2 RUN --mount=from b", "2 RUN --mount=from c"}},
		{name: "a mount of a stage", text: "FROM a AS s\nFROM a\nRUN --mount=from=s,target=/x x\nRUN --mount=\"from=b\",target=/x x\n", refs: []string{"1 FROM a", "2 FROM a", "4 RUN --mount=from b"}},
		{name: "heredocs", text: "FROM a\nRUN <<EOF\nFROM no\nEOF\nCOPY <<FROM /x\nCOPY --from=no a /\nFROM\nCOPY --from=b a /\n", refs: []string{"1 FROM a", "8 COPY --from b"}},
		{name: "continuation lines", text: "FROM \\\n  a\nCOPY \\\n # why\n --from=b a /\n", refs: []string{"1 FROM a", "3 COPY --from b"}},
		{name: "another escape", text: "# escape=`\nFROM `\n  a\nCOPY --from=b a c:\\\nFROM d\n", refs: []string{"2 FROM a", "4 COPY --from b", "5 FROM d"}},
		{name: "CRLF", text: "FROM a\r\nCOPY --from=b a /\r\n", refs: []string{"1 FROM a", "2 COPY --from b"}},
		{name: "a byte order mark", text: "\ufeffFROM a\n", refs: []string{"1 FROM a"}},
		{name: "triggers", text: "FROM a\nONBUILD COPY --from=example.com/b a /\nONBUILD COPY --from=stage a /\nONBUILD COPY --from=0 a /\nONBUILD RUN --mount=from=c:1,target=/x x\n",
			refs: []string{"1 FROM a", "2 COPY --from example.com/b", "5 RUN --mount=from c:1"}},
		{name: "an unknown instruction", text: "FROM a\nFORM b\nCOPY --from=c a /\n", refs: []string{"1 FROM a", "3 COPY --from c"}, problems: []string{"2 unknown instruction"}},
		{name: "an unknown flag", text: "FROM a\nCOPY --new --from=c a /\n", refs: []string{"1 FROM a", "2 COPY --from c"}, problems: []string{"2 "}},
		{name: "an instruction before FROM", text: "RUN x\nFROM a\n", refs: []string{"2 FROM a"}, problems: []string{"1 RUN comes before the first FROM"}},
		{name: "a bad FROM", text: "FROM a b\n", problems: []string{"1 FROM requires"}},
		{name: "empty", text: "", problems: []string{"1 file with no instructions"}},
		{name: "no FROM", text: "ARG A\n", problems: []string{"1 there is no FROM"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := readDockerfile("Dockerfile", []byte(tt.text), "arm64", map[string]string{"GIVEN": "yes"})
			var refs []string
			for _, r := range d.refs {
				refs = append(refs, fmt.Sprintf("%d %s %s", r.line, r.verb, r.name))
			}
			if diff := cmp.Diff(tt.refs, refs); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if len(d.problems) != len(tt.problems) {
				t.Fatalf("got problems %v, want %v", d.problems, tt.problems)
			}
			for i, p := range d.problems {
				if got := fmt.Sprintf("%d %s", p.line, p.what); !strings.HasPrefix(got, tt.problems[i]) || p.fix == "" {
					t.Errorf("got problem %q, cure %q, want %q", got, p.fix, tt.problems[i])
				}
			}
		})
	}
}

func FuzzReadDockerfile(f *testing.F) {
	f.Add("ARG A=${B:-c}\nFROM --platform=x $A AS s\nCOPY --from=0 [\"a\", \"/\"]\nRUN --mount=from=s <<E\nE\nONBUILD COPY --from=b a /\n")
	f.Add("# escape=`\nFROM a`\n")
	f.Fuzz(func(_ *testing.T, text string) {
		readDockerfile("Dockerfile", []byte(text), "amd64", nil)
	})
}

// TestBase finds what the last stage begins with.
func TestBase(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"one", "# FROM a\nFROM b\nRUN x\n", "b"},
		{"the last", "FROM a AS x\nfrom --platform=linux/amd64 b\n", "b"},
		{"through a stage", "FROM a as Build\nFROM c AS d\nFROM build\n", "a"},
		{"through two stages", "FROM a AS x\nFROM x AS y\nFROM y\n", "a"},
		{"an argument", "ARG A=a\nFROM $A\n", "a"},
		{"not what is copied", "FROM a\nCOPY --from=b x /\n", "a"},
		{"none", "RUN x\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := readDockerfile("Dockerfile", []byte(tt.text), "amd64", nil).base; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
