package golang

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
)

const (
	helloProgram   = "package main\n\nimport \"example.com/greet\"\n\nfunc main() { println(greet.Hello) }\n"
	privateProgram = "package main\n\nimport _ \"example.com/private/deep\"\n\nfunc main() {}\n"
)

// partial is a tree that requires example.com/greet and example.com/wine, which
// the proxy has, and example.com/private, which nobody has.
func partial(t *testing.T, files map[string]string) (Config, *logtest.Hook, []Module) {
	t.Helper()
	proxy := greetProxy(t)
	proxy.add(t, "example.com/wine", "v1.0.0", "module example.com/wine\n",
		map[string]string{"go.mod": "module example.com/wine\n", "wine.go": "package wine\n"})
	tree := map[string]string{
		"go.mod": "module example.com/guest\n\ngo 1.21\n\nrequire (\n\texample.com/greet v1.0.0\n\texample.com/private v1.0.0\n\texample.com/wine v1.0.0\n)\n",
		"go.sum": proxy.sum(t, "example.com/greet", "v1.0.0") + proxy.sum(t, "example.com/wine", "v1.0.0") +
			"example.com/private v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" +
			"example.com/private v1.0.0/go.mod h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		"main.go": helloProgram,
	}
	for name, text := range files {
		tree[name] = text
	}
	cfg := config(t, proxy)
	log, hook := logtest.NewNullLogger()
	cfg.Log = log
	return cfg, hook, guest(t, tree)
}

func warnings(hook *logtest.Hook) []string {
	var lines []string
	for _, entry := range hook.AllEntries() {
		if entry.Level == logrus.WarnLevel {
			lines = append(lines, entry.Message)
		}
	}
	return lines
}

func TestPrepareWithoutAModuleThatNobodyImports(t *testing.T) {
	cfg, hook, modules := partial(t, map[string]string{"wine_windows.go": "package main\n\nimport _ \"example.com/wine\"\n"})
	before := snapshot(t, modules[0].Dir)
	toolchain, err := Prepare(t.Context(), cfg, modules)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"example.com/greet@v1.0.0", "example.com/wine@v1.0.0"} {
		if _, err := os.Stat(filepath.Join(toolchain.ModCache, name)); err != nil {
			t.Errorf("what a package imports is missing: %v", err)
		}
	}
	if diff := cmp.Diff(before, snapshot(t, modules[0].Dir)); diff != "" {
		t.Errorf("Prepare changed the tree (-before +after):\n%s", diff)
	}
	if got := warnings(hook); len(got) != 1 || !strings.Contains(got[0], "example.com/private@v1.0.0") || !strings.Contains(got[0], modules[0].GoMod()) {
		t.Errorf("warnings %q, want one that names the module and the go.mod", got)
	}
}

func TestPrepareWithoutAModuleThatPackagesImport(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		fails bool
		want  string
	}{
		{"the only program", map[string]string{"main.go": privateProgram}, true, ". cannot be built without example.com/private/deep"},
		{"one of two programs", map[string]string{"tool/main.go": privateProgram}, false, "./tool cannot be built without example.com/private/deep"},
		{"on windows alone", map[string]string{"main_windows.go": "package main\n\nimport _ \"example.com/private/deep\"\n"}, false,
			". cannot be built without example.com/private/deep"},
		{"a test", map[string]string{"main_test.go": "package main\n\nimport _ \"example.com/private/deep\"\n"}, false,
			"a test or an unused package cannot be built without example.com/private/deep"},
		{"a library's only package", map[string]string{"main.go": "package guest\n\nimport _ \"example.com/private/deep\"\n"}, false,
			"a test or an unused package cannot be built without example.com/private/deep"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg, hook, modules := partial(t, test.files)
			_, err := Prepare(t.Context(), cfg, modules)
			if (err != nil) != test.fails {
				t.Fatalf("Prepare = %v; want an error: %v", err, test.fails)
			}
			said := warnings(hook)
			if err != nil {
				said = append(said, err.Error())
			}
			named := func(line string) bool {
				return strings.Contains(line, test.want) && strings.Contains(line, "example.com/private@v1.0.0")
			}
			if !slices.ContainsFunc(said, named) {
				t.Errorf("nothing says %q and names the module:\n%s", test.want, strings.Join(said, "\n"))
			}
		})
	}
}

// What go quotes of a file that is no Go must not be a file of the machine.
func TestPrepareReadsNoLinks(t *testing.T) {
	cfg, hook, modules := partial(t, nil)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(modules[0].Dir, "zz.go")); err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(t.Context(), cfg, modules); err != nil {
		t.Errorf("a link stopped the build: %v", err)
	}
	if got := strings.Join(warnings(hook), "\n"); strings.Contains(got, "hunter2") {
		t.Errorf("the warnings quote a file outside the tree:\n%s", got)
	}
}
