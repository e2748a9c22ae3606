package pairing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const good = `suites:
  pfq: {container: a/b/staging, vm: c/staging, plan: plan.yaml}
start: [[launch, "{root}", "{name}"]]
leader: [find, "{name}"]
exec: [enter, "{leader}"]
`

func load(t *testing.T, text string) (*Suites, error) {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{"suites.yaml": text, "plan.yaml": "name: x\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(filepath.Join(folder, "suites.yaml"))
}

func TestLoad(t *testing.T) {
	s, err := load(t, good)
	if err != nil {
		t.Fatal(err)
	}
	suite, err := s.Named("pfq")
	if err != nil || suite.Container != "a/b/staging" || suite.Plan != filepath.Join(filepath.Dir(s.File), "plan.yaml") {
		t.Errorf("%+v, %v", suite, err)
	}
}

// The file that is shown in the documentation is a good one.
func TestExample(t *testing.T) {
	s, err := Load("../../examples/container-plans/suites.yaml")
	if err != nil || len(s.All) != 2 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, tt := range []struct{ from, to, want string }{
		{good, "", "it is empty"},
		{good, good + "---\nx: y\n", "more than one document"},
		{"exec:", "execute:", "field execute not found"},
		{"plan: plan.yaml", "plan: plan.yaml, planned: x", "field planned not found"},
		{"  pfq: {container: a/b/staging, vm: c/staging, plan: plan.yaml}\n", "", "it has no suite"},
		{"pfq:", "P F:", `suite "P F": a name is lower-case`},
		{"a/b/staging", "staging", `container "staging" names no channel`},
		{"c/staging", "c/", `vm "c/" names no channel`},
		{", plan: plan.yaml", "", "it has no plan"},
		{"plan.yaml", "none.yaml", "none.yaml: no such file"},
		{`start: [[launch, "{root}", "{name}"]]`, "start: []", "start is missing"},
		{`[[launch, "{root}", "{name}"]]`, `[[launch, "{root}"], []]`, "start has a step that names no program"},
		{`"{root}"`, "x", "start has no {root}"},
		{`"{root}"`, `"{root}{leader}"`, "start has {leader}: want {root} or {name}"},
		{`"{root}"`, `"{root}", "{rot}"`, "start has {rot}"},
		{`leader: [find, "{name}"]`, "", "leader and {leader} go together"},
		{`"{leader}"`, "x", "leader and {leader} go together"},
		{"exec: [enter, \"{leader}\"]\n", "", "exec is missing"},
		{"exec:", "ready: [test, '{root}']\nexec:", "ready has {root}: want none of these"},
	} {
		if _, err := load(t, strings.Replace(good, tt.from, tt.to, 1)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q for %q: got %v, want %q", tt.to, tt.from, err, tt.want)
		}
	}
	if _, err := load(t, strings.NewReplacer("a/b/staging", "x", `"{root}"`, "x").Replace(good)); strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("not all that is wrong is named: %v", err)
	}
}
