package goo

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/packagebuild"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	commit    = "0123456789abcdef0123456789abcdef01234567"
	commitURL = "https://example.com/guest/commit/" + commit
)

// minimal is a goospec of one file.
const minimal = `{"name": "hello", "version": "{{.version}}.0@1", "arch": "x86_64",
 "sources": [{"include": ["hello.exe"]}], "files": {"hello.exe": "<ProgramFiles>/hello.exe"}}`

// files is a tree: contents by path. A path that ends in a slash is an empty folder.
type files map[string]string

func (fs files) write(t testing.TB, dir string) {
	t.Helper()
	for name, content := range fs {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			check(t, os.MkdirAll(path, 0o755))
			continue
		}
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		mode := os.FileMode(0o644)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		check(t, os.WriteFile(path, []byte(content), mode))
	}
}

// request is a build of the tree at 20261121.00.
func (fs files) request(t testing.TB) packagebuild.Request {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "guest")
	check(t, os.MkdirAll(dir, 0o755))
	fs.write(t, dir)
	return packagebuild.Request{
		Source: packagebuild.Source{
			Dir: dir, Repository: "https://example.com/guest.git",
			Commit: commit, CommitURL: commitURL, Time: time.Unix(1_795_219_200, 0),
		},
		Target:  packagebuild.Target{Name: "goo", Format: "goo", Arch: "amd64"},
		Version: "20261121.00",
	}
}

// source is the tree as an extra source.
func (fs files) source(t testing.TB) *packagebuild.Source {
	source := fs.request(t).Source
	return &source
}

// build does all that a runner does, in a folder that stands for the root's.
// Tamper may change the built tree before it is collected.
func build(t testing.TB, req packagebuild.Request, tamper func(built string)) ([]string, string, error) {
	t.Helper()
	dir, out := filepath.Join(t.TempDir(), "build"), filepath.Join(t.TempDir(), "out")
	plan, err := New().Plan(req)
	if err != nil {
		return nil, out, err
	}
	check(t, New().Stage(req, plan, dir))
	for _, step := range plan.Steps {
		check(t, runStep(t, step, dir))
	}
	if tamper != nil {
		tamper(filepath.Join(dir, "src"))
	}
	paths, err := New().Collect(req, plan, dir, out)
	return paths, out, err
}

func runStep(t testing.TB, step packagebuild.Step, dir string) error {
	inDir := func(s string) string {
		if below, ok := strings.CutPrefix(s, packagebuild.BuildRoot+"/"); ok {
			return filepath.Join(dir, below)
		}
		return s
	}
	cmd := exec.Cmd{Dir: inDir(step.Dir), Env: []string{"PATH=" + os.Getenv("PATH"), "GO=" + packagebuild.GoRoot + "/bin/go"}}
	for _, arg := range step.Args {
		cmd.Args = append(cmd.Args, inDir(arg))
	}
	for key, value := range step.Env {
		cmd.Env = append(cmd.Env, key+"="+inDir(value))
	}
	return exec.Run(t.Context(), cmd)
}

// mustBuild builds one package.
func mustBuild(t testing.TB, req packagebuild.Request, tamper func(built string)) string {
	t.Helper()
	paths, _, err := build(t, req, tamper)
	check(t, err)
	if len(paths) != 1 {
		t.Fatalf("built %v, want one package", paths)
	}
	return paths[0]
}

// entries reads a package's headers and contents without help of this package.
func entries(t testing.TB, path string) (headers []*tar.Header, contents map[string]string) {
	t.Helper()
	file, err := os.Open(path)
	check(t, err)
	defer file.Close()
	zip, err := gzip.NewReader(file)
	check(t, err)
	contents = map[string]string{}
	for r := tar.NewReader(zip); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return headers, contents
		}
		check(t, err)
		content, err := io.ReadAll(r)
		check(t, err)
		headers = append(headers, header)
		contents[header.Name] = string(content)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError checks that err says each of the wanted things.
func wantError(t testing.TB, err error, wanted ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one that says %q", wanted)
	}
	for _, want := range wanted {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

func golden(t testing.TB, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		check(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	check(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update accepts it:\n%s", path, diff)
	}
}

// leftovers lists what is in a folder.
func leftovers(t testing.TB, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}
