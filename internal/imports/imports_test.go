// Package imports checks that the project's packages import each other, and
// others, only the ways that the table allows. It parses; it builds nothing.
package imports

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "slipway.dev/slipway/"

// rules name what may be imported from where. Paths match by prefix of whole
// elements; a package of this project is named without the module.
var rules = []struct {
	what   string
	from   []string // only these folders may import it
	reason string
}{
	{"os/exec", []string{"internal/exec"}, "one place starts programs, ends their process groups and words their failures"},
	{"k8s.io", []string{"prow", "config", "jobs", "bench"}, "a job binary that builds a package must not link Kubernetes"},
	{"sigs.k8s.io/prow", []string{"prow", "config", "jobs"}, "Prow's types stay under prow/ and in tests of its configuration"},
	{"cloud.google.com/go", []string{"internal/store/gcs", "internal/store/storeurl"}, "who speaks the store's interface links no cloud's SDK"},
	{"github.com/aws", []string{"internal/store/s3", "internal/store/storeurl"}, "who speaks the store's interface links no cloud's SDK"},
	{"internal/store/storeurl", []string{"internal/command"}, "only a command opens a store by URL"},
	{"internal/command", []string{"cmd", "images", "prow/jobcmd", "internal/demo", "bench"}, "commands are the outermost layer"},
	{"internal/cli", []string{"cmd", "images", "internal/command", "prow/jobcmd", "internal/demo", "internal/setup", "internal/fuzz"}, "only a command knows that it is one"},
	{"prow", []string{"cmd/slipway", "images/pod-utilities", "internal/demo", "bench"}, "a job binary must not link Kubernetes through us either"},
	{"internal/podman", []string{"internal/image/build", "internal/command/imagecmd", "prow", "bench"}, "what builds packages and releases needs no podman"},
	{"internal/image/build", []string{"internal/image/gotools", "internal/command/imagecmd", "prow/jobcmd", "bench"}, "the builder stands on the tree, never below it"},
	{"internal/image", []string{"internal/command/imagecmd", "prow", "bench"}, "job images know of the rest; the rest does not know of them"},
	{"daisy-builder", []string{"internal/command", "bench"}, "a release is made by a command"},
	{"packagebuild/build", []string{"daisy-builder", "internal/command", "internal/demo", "bench"}, "the builder stands on the formats, never below them"},
	{"packagebuild", []string{"packagebuild", "daisy-builder", "internal/command", "internal/demo", "bench"}, "versions, stores and releases know nothing of packages' building"},
	{"internal/testkit", []string{"internal/testkit", "internal/demo", "internal/store/storetest"}, "fakes are for tests and demos"},
}

func TestImportsPointTheRightWay(t *testing.T) {
	checked := 0
	walk(t, func(file, imported string, test bool) {
		checked++
		if reason := refuse(filepath.ToSlash(filepath.Dir(file)), imported, test); reason != "" {
			t.Errorf("%s imports %s: %s", file, imported, reason)
		}
	})
	if checked < 100 {
		t.Errorf("only %d imports were checked; the walk does not see the tree", checked)
	}
}

// A rule that nothing can break proves nothing.
func TestRulesRefuse(t *testing.T) {
	tests := []struct{ folder, imported string }{
		{"internal/release", "os/exec"},
		{"packagebuild/deb", "k8s.io/api/core/v1"},
		{"internal/release", "cloud.google.com/go/storage"},
		{"internal/version", module + "packagebuild"},
		{"packagebuild/deb", module + "packagebuild/build"},
		{"internal/store", module + "internal/cli"},
		{"daisy-builder", module + "internal/testkit/gitrepo"},
		{"images/daisy-builder", module + "prow/local"},
		{"daisy-builder", module + "internal/podman"},
		{"internal/image", module + "internal/image/build"},
	}
	for _, tt := range tests {
		if refuse(tt.folder, tt.imported, false) == "" {
			t.Errorf("%s may import %s", tt.folder, tt.imported)
		}
	}
}

// refuse says why a file in folder must not import a package, or "". The most
// specific rule decides. Tests may use the testkit, and what lies beside them.
func refuse(folder, imported string, test bool) string {
	path := strings.TrimPrefix(imported, module)
	if test && (below(path, "internal/testkit") || path != imported) {
		return ""
	}
	best := -1
	for i, rule := range rules {
		if below(path, rule.what) && (best < 0 || len(rule.what) > len(rules[best].what)) {
			best = i
		}
	}
	if best < 0 || below(folder, rules[best].what) {
		return ""
	}
	for _, from := range rules[best].from {
		if below(folder, from) {
			return ""
		}
	}
	return rules[best].reason
}

func below(path, parent string) bool {
	return path == parent || strings.HasPrefix(path, parent+"/")
}

// walk visits every import of every Go file of the repository.
func walk(t *testing.T, visit func(file, imported string, test bool)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "out" || name == "tools") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			visit(relative, imported, strings.HasSuffix(name, "_test.go"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
