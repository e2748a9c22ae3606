package image

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/exec"
)

// runGo runs the go command without the network.
func runGo(t *testing.T, dir, arch string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.Output(ctx, exec.Cmd{
		Args: append([]string{"go"}, args...), Dir: dir,
		Env: append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOWORK=off", "GOFLAGS=", "GOPROXY=off"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestProgramIsWhatGoLists checks this project's own programs against go list, which
// is right but takes a second each time.
func TestProgramIsWhatGoLists(t *testing.T) {
	top, err := FindCheckout(".")
	if err != nil {
		t.Skipf("%v; run the tests in a clone", err)
	}
	tree, err := Open(t.Context(), Config{Checkout: top})
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, img := range tree.Images() {
		if img.Program == "" {
			continue
		}
		program, err := tree.Program(img.Name)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{"go.mod": true, "go.sum": true}
		for _, arch := range img.Architectures {
			goLists(t, tree, program, arch, want)
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), pathsOf(program.Sources)); diff != "" {
			t.Errorf("%s: -go list +got:\n%s", img.Name, diff)
		}
		checked++
	}
	if checked == 0 {
		t.Error("no image has a program; the test proves nothing")
	}
}

// goLists adds the tracked files of this module that go list names.
func goLists(t *testing.T, tree *Tree, program Program, arch string, names map[string]bool) {
	t.Helper()
	out := runGo(t, tree.Checkout(), arch, "list", "-deps", "-json=Dir,Module,GoFiles,SFiles,HFiles,SysoFiles,EmbedFiles", program.Package)
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var p struct {
			Dir                                            string
			Module                                         *struct{ Main bool }
			GoFiles, SFiles, HFiles, SysoFiles, EmbedFiles []string
		}
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		dir, err := filepath.Rel(tree.Checkout(), p.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range slices.Concat(p.GoFiles, p.SFiles, p.HFiles, p.SysoFiles, p.EmbedFiles) {
			if _, tracked := tree.index.find(filepath.ToSlash(filepath.Join(dir, file))); tracked {
				names[filepath.ToSlash(filepath.Join(dir, file))] = true
			}
		}
	}
}

// TestSourcesAreEnough compiles a copy of the sources alone, for each architecture,
// to the bytes that the whole checkout gives.
func TestSourcesAreEnough(t *testing.T) {
	files := withProgram()
	files["go.mod"] = "module example.com/m\n\ngo 1.26.0\n\nrequire example.com/other v0.0.0\n\nreplace example.com/other => ./other\n"
	files["other/go.mod"] = "module example.com/other\n\ngo 1.26.0\n"
	files["other/module/m.go"] = "package module\n"
	files["used/used.go"] = strings.Replace(files["used/used.go"], "var files string", "var files embed.FS", 1)
	files["used/used.go"] = strings.Replace(files["used/used.go"], "_ \"embed\"", "\"embed\"", 1)
	c := newCheckout(t, files)
	program, err := c.open().Program("app")
	c.must(err)
	copied := t.TempDir()
	for _, name := range pathsOf(program.Sources) {
		data, err := os.ReadFile(c.path(name))
		c.must(err)
		c.must(os.MkdirAll(filepath.Dir(filepath.Join(copied, name)), 0o755))
		c.must(os.WriteFile(filepath.Join(copied, name), data, 0o644))
	}
	for _, arch := range []string{"amd64", "arm64"} {
		var bytes []string
		for _, dir := range []string{c.dir, copied} {
			out := filepath.Join(t.TempDir(), "app")
			runGo(t, dir, arch, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, program.Package)
			data, err := os.ReadFile(out)
			c.must(err)
			bytes = append(bytes, string(data))
		}
		if bytes[0] != bytes[1] {
			t.Errorf("%s: the copy gives other bytes", arch)
		}
	}
}
