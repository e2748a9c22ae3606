package image

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/contenthash"
)

// withProgram is a module whose image "app" is a program that reaches the packages
// used, deep and, on arm64 alone, arm.
func withProgram() map[string]string {
	return map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.25.0\n\ntoolchain go1.26.8\n", "go.sum": "",
		"images/app/Dockerfile": "FROM scratch\nCOPY app /\n",
		"images/app/main.go":    "package main\n\nimport (\n\t_ \"example.com/m/used\"\n\t_ \"os\"\n)\n\nfunc main() {}\n",
		"used/used.go":          "package used\n\nimport (\n\t_ \"embed\"\n\n\t_ \"example.com/m/deep\"\n\t_ \"example.com/other/module\"\n)\n\n//go:embed data *.txt\nvar files string\n",
		"used/used_test.go":     "package used\n\nimport _ \"example.com/m/tested\"\n",
		"used/used_windows.go":  "package used\n\nimport _ \"example.com/m/windows\"\n",
		"used/used_arm64.go":    "package used\n\nimport _ \"example.com/m/arm\"\n",
		"used/new.go":           "//go:build go1.26 && !go1.27\n\npackage used\n",
		"used/newer.go":         "//go:build go1.27\n\npackage used\n",
		"used/cgo.go":           "package used\n\nimport \"C\"\n",
		"used/ignored.go":       "//go:build ignore\n\npackage main\n",
		"used/asm_amd64.s":      "", "used/asm.h": "",
		"used/data/a": "", "used/data/sub/b": "", "used/data/.hidden": "", "used/data/_hidden/c": "", "used/d.txt": "", "used/e.md": "",
		"deep/deep.go": "package deep\n", "arm/arm.go": "package arm\n", "windows/w.go": "package windows\n",
		"tested/t.go": "package tested\n", "unused/u.go": "package unused\n",
	}
}

func pathsOf(files []contenthash.File) []string {
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	return paths
}

func TestProgram(t *testing.T) {
	program, err := newCheckout(t, withProgram()).open().Program("app")
	if err != nil {
		t.Fatal(err)
	}
	if program.Name != "app" || program.Module != "." || program.Package != "example.com/m/images/app" {
		t.Errorf("got %s, %s, %s", program.Name, program.Module, program.Package)
	}
	want := []string{
		"arm/arm.go", "deep/deep.go", "go.mod", "go.sum", "images/app/main.go", "used/asm.h", "used/asm_amd64.s", "used/d.txt",
		"used/data/a", "used/data/sub/b", "used/new.go", "used/used.go", "used/used_arm64.go",
	}
	if diff := cmp.Diff(want, pathsOf(program.Sources)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestProgramRules: what changes the tag of an image with a program.
func TestProgramRules(t *testing.T) {
	const changes, stays = true, false
	tests := []struct {
		name, file, content string
		want                bool
	}{
		{"a package far down", "deep/deep.go", "package deep // changed\n", changes},
		{"a package of one architecture", "arm/arm.go", "package arm // changed\n", changes},
		{"go.mod", "go.mod", "module example.com/m\n\ngo 1.26.0\n", changes},
		{"go.sum", "go.sum", "changed", changes},
		{"an embedded file", "used/data/a", "changed", changes},
		{"a header", "used/asm.h", "changed", changes},
		{"a new tracked file", "deep/new.go", "package deep\n", changes},
		{"a new embedded file", "used/data/new", "", changes},
		{"a profile", "images/app/default.pgo", "", changes},
		{"vendored modules", "vendor/modules.txt", "", changes},
		{"a hidden file beside embedded ones", "used/data/.hidden", "changed", stays},
		{"a test", "used/used_test.go", "package used\n", stays},
		{"a tested package", "tested/t.go", "package tested // changed\n", stays},
		{"another system", "used/used_windows.go", "package used\n", stays},
		{"another Go", "used/newer.go", "//go:build go1.27\n\npackage used // changed\n", stays},
		{"cgo", "used/cgo.go", "package used // changed\n\nimport \"C\"\n", stays},
		{"a package that is not compiled in", "unused/u.go", "package unused // changed\n", stays},
		{"a text beside the code", "used/e.md", "changed", stays},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCheckout(t, withProgram())
			before := c.tag("app")
			c.write(tt.file, tt.content)
			c.track()
			if changed := before != c.tag("app"); changed != tt.want {
				t.Errorf("changes is %v, want %v", changed, tt.want)
			}
		})
	}
}

// An untracked file is not compiled in by whoever compiles a copy of Sources.
func TestUntrackedSourcesDoNotCount(t *testing.T) {
	c := newCheckout(t, withProgram())
	before := c.tag("app")
	c.write("deep/untracked.go", "package deep\n\nimport _ \"example.com/m/unused\"\n")
	c.write("used/data/untracked", "")
	if c.tag("app") != before {
		t.Error("an untracked file changes the tag")
	}
}

// Two images that share packages share the reading, and each has its own list.
func TestProgramsOfOneModule(t *testing.T) {
	files := withProgram()
	files["images/two/Dockerfile"] = "FROM scratch\nCOPY two /\n"
	files["images/two/main.go"] = "package main\n\nimport _ \"example.com/m/deep\"\n\nfunc main() {}\n"
	tree := newCheckout(t, files).open()
	if _, err := tree.Program("app"); err != nil {
		t.Fatal(err)
	}
	program, err := tree.Program("two")
	want := []string{"deep/deep.go", "go.mod", "go.sum", "images/two/main.go"}
	if diff := cmp.Diff(want, pathsOf(program.Sources)); diff != "" || err != nil {
		t.Errorf("%v; -want +got:\n%s", err, diff)
	}
}

func TestProgramOfNestedModule(t *testing.T) {
	files := withProgram()
	files["images/app/go.mod"] = "module example.com/nested\n\ngo 1.26\n\nreplace example.com/other => ../../other\n\nreplace example.com/b => example.com/c v1.0.0\n"
	files["images/app/main.go"] = "package main\n\nimport (\n\t_ \"example.com/nested/sub\"\n\t_ \"example.com/m/used\"\n)\n\nfunc main() {}\n"
	files["images/app/sub/s.go"] = "package sub\n"
	files["other/go.mod"] = "module example.com/other\n"
	files["other/x/y.go"] = "package x\n"
	program, err := newCheckout(t, files).open().Program("app")
	want := []string{"images/app/go.mod", "images/app/main.go", "images/app/sub/s.go", "other/go.mod", "other/x/y.go"}
	if diff := cmp.Diff(want, pathsOf(program.Sources)); diff != "" || err != nil || program.Module != "images/app" || program.Package != "example.com/nested" {
		t.Errorf("%v, %s, %s; -want +got:\n%s", err, program.Module, program.Package, diff)
	}
}

// A module may lie below this one's path without being in its folder.
func TestProgramWithModuleBelowItsPath(t *testing.T) {
	files := withProgram()
	files["go.mod"] += "\nrequire example.com/m/v2 v2.0.0\n"
	files["deep/deep.go"] = "package deep\n\nimport _ \"example.com/m/v2/x\"\n"
	if _, err := newCheckout(t, files).open().Program("app"); err != nil {
		t.Error(err)
	}
}

func TestProgramRefuses(t *testing.T) {
	tests := []struct {
		name string
		do   func(*checkout)
		want string
	}{
		{"a package that is missing", func(c *checkout) { c.write("deep/deep.go", "package deep\n\nimport _ \"example.com/m/gone\"\n") }, "git tracks no Go file in gone"},
		{"a package that is untracked", func(c *checkout) { c.git("rm", "--quiet", "--cached", "deep/deep.go") }, "git add deep"},
		{"a syntax error", func(c *checkout) { c.write("deep/deep.go", "package\n") }, "deep.go:1:9: expected"},
		{"two packages", func(c *checkout) { c.write("deep/x.go", "package x\n"); c.git("add", "deep") }, "found packages deep (deep.go) and x (x.go)"},
		{"a bad go.mod", func(c *checkout) { c.write("go.mod", "modul x\n") }, "go.mod:1: "},
		{"a go.mod without module", func(c *checkout) { c.write("go.mod", "go 1.26\n") }, "go.mod names no module"},
		{"a module outside", func(c *checkout) { c.write("go.mod", "module example.com/m\nreplace x.y/z => ../z\n") }, "go.mod:2: x.y/z is replaced by ../z, which is not in the checkout"},
		{"a module anywhere", func(c *checkout) { c.write("go.mod", "module example.com/m\nreplace x.y/z => /z\n") }, "which is not in the checkout"},
		{"a symlink", func(c *checkout) {
			c.must(os.Remove(c.path("deep/deep.go")))
			c.must(os.Symlink("../arm/arm.go", c.path("deep/deep.go")))
		}, "deep/deep.go is a symlink"},
		{"no program", func(c *checkout) { c.write("images/app/Dockerfile", "FROM scratch\n") }, "image app has no program"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCheckout(t, withProgram())
			tt.do(c)
			_, err := c.open().Program("app")
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "image app") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestEmbeds(t *testing.T) {
	tests := []struct {
		pattern, name string
		all, want     bool
	}{
		{"a", "a", false, true}, {"a", "a/b", false, true}, {"a", "ab", false, false}, {"a", "a/.b", false, false}, {"a", "a/.b", true, true},
		{"a", "a/_b/c", false, false}, {"*", "b/c", false, true}, {"*", ".b", false, true}, {"*.go", "x/y.go", false, false}, {"x/*.go", "x/y.go", false, true},
		{".", "a/b", false, true}, {".", ".a", false, false}, {"a/.b", "a/.b", false, true}, {"[a-c]x", "bx", false, true}, {"a b", "a b", false, true},
	}
	for _, tt := range tests {
		if got := embeds(tt.pattern, tt.name, tt.all); got != tt.want {
			t.Errorf("%q, %q, %v: got %v", tt.pattern, tt.name, tt.all, got)
		}
	}
}
