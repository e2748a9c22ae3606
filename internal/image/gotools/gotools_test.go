package gotools

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/image"
	"slipway.dev/slipway/internal/testkit/need"
)

func TestParse(t *testing.T) {
	got, err := Parse("f", strings.NewReader("# why\n\n toolchain\tgo1.26.8 # because\nprogram example.com/a/b@v1.2.3\nprogram example.com/c/v2@v2.0.0-rc.1\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Tools{
		Toolchain: Line{"go1.26.8", "f:3"},
		Programs:  []Line{{"example.com/a/b@v1.2.3", "f:4"}, {"example.com/c/v2@v2.0.0-rc.1", "f:5"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "# nothing\n", "f asks for nothing"},
		{"no value", "toolchain\n", "f:1: "},
		{"two values", "\nprogram a b\n", "f:2: "},
		{"unknown word", "toolchain go1.26.8\nprogramm example.com/a@v1.0.0\n", "f:2: \"programm\" is unknown"},
		{"no release", "toolchain 1.26.8\n", "f:1: \"1.26.8\" is no release of Go"},
		{"language version", "toolchain go1.26\n", "f:1: "},
		{"option for go", "toolchain go1.26.8+auto\n", "f:1: "},
		{"twice", "toolchain go1.26.8\ntoolchain go1.26.7\n", "f:2: there is one at f:1"},
		{"two compilers", "toolchain go1.26.8\ncompiler go1.26.7\nprogram example.com/a@v1.0.0", "f:2: toolchain at f:1"},
		{"idle compiler", "compiler go1.26.8\n", "f:1: there is no program"},
		{"no compiler", "\nprogram example.com/a@v1.0.0\n", "f:2: nothing says which Go"},
		{"no version", "toolchain go1.26.8\nprogram example.com/a\n", "f:2: "},
		{"moving version", "toolchain go1.26.8\nprogram example.com/a@latest\n", "f:2: "},
		{"short version", "toolchain go1.26.8\nprogram example.com/a@v1\n", "f:2: "},
		{"flag as package", "toolchain go1.26.8\nprogram -exec@v1.0.0\n", "f:2: "},
		{"same name", "toolchain go1.26.8\nprogram example.com/a@v1.0.0\nprogram example.org/x/a@v1.0.0\n", "f:3: example.com/a@v1.0.0 at f:2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("f", strings.NewReader(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Parse(%q): %v, want an error with %q", test.text, err, test.want)
			}
		})
	}
}

// tiny is a program whose module this repository depends on anyway.
const tiny = "compiler go1.26.8\nprogram github.com/rogpeppe/go-internal/cmd/txtar-c@v1.16.0\n"

func write(t *testing.T, text, arch, dir string) {
	t.Helper()
	tools, err := Parse(File, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := tools.Write(t.Context(), arch, dir, nil); err != nil {
		t.Fatal(err)
	}
}

// sums maps each file to its mode and digest.
func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, value := strings.TrimPrefix(path, dir), info.Mode().String()
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			value += fmt.Sprintf(" %x", sha256.Sum256(data))
		}
		found[name] = value
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(found, "")
	return found
}

// What the machine is set to must not reach the compiler.
func TestProgramIsTheSameWhateverTheMachineIsSetTo(t *testing.T) {
	need.Tool(t, "go", "golang-go")
	for _, arch := range []string{"amd64", "arm64"} {
		first, second := t.TempDir(), t.TempDir()
		write(t, tiny, arch, first)
		for name, value := range map[string]string{
			"GOFLAGS": "-tags=other", "GOOS": "windows", "GOARCH": "386", "GOAMD64": "v3", "CGO_ENABLED": "1",
			"GOBIN": t.TempDir(), "GOTOOLCHAIN": "local", "GOEXPERIMENT": "nogreenteagc", "TMPDIR": t.TempDir(),
		} {
			t.Setenv(name, value)
		}
		write(t, tiny, arch, second)
		want, got := sums(t, first), sums(t, second)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-first +second):\n%s", arch, diff)
		}
		if len(got) != 2 || !strings.HasPrefix(got["/bin/txtar-c"], "-rwxr-xr-x ") {
			t.Errorf("%s: wrote %v", arch, got)
		}
	}
}

func TestToolchain(t *testing.T) {
	need.Tool(t, "go", "golang-go")
	dir := t.TempDir()
	write(t, "toolchain go1.26.8\n", "amd64", dir)
	for name, want := range map[string]string{
		"go/bin/go": "-rwxr-xr-x", "go/bin/gofmt": "-rwxr-xr-x", "go/pkg/tool/linux_amd64/compile": "-rwxr-xr-x",
		"go/src/fmt/print.go": "-rw-r--r--", "go/src": "drwxr-xr-x", "go/VERSION": "-rw-r--r--",
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().String(); got != want {
			t.Errorf("%s: mode %s, want %s", name, got, want)
		}
	}
	out, err := exec.Output(t.Context(), exec.Cmd{
		Args: []string{filepath.Join(dir, "go/bin/go"), "env", "GOVERSION", "GOROOT"}, Dir: dir,
		Env: []string{"HOME=" + dir, "GOTOOLCHAIN=local"},
	})
	if want := "go1.26.8\n" + filepath.Join(dir, "go") + "\n"; err != nil || string(out) != want {
		t.Errorf("go env: %q, %v, want %q", out, err, want)
	}
}

func TestCopyTreeTwice(t *testing.T) {
	from := t.TempDir()
	for _, name := range []string{"bin/go", "pkg/tool/linux_amd64/vet", "pkg/include/a.h", "src/a b.go"} {
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	first, second := filepath.Join(t.TempDir(), "go"), filepath.Join(t.TempDir(), "go")
	for _, to := range []string{first, second} {
		if err := copyTree(from, to); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(sums(t, first), sums(t, second)); diff != "" {
		t.Errorf("the second copy differs:\n%s", diff)
	}
}

func TestWriteNamesTheLine(t *testing.T) {
	need.Tool(t, "go", "golang-go")
	t.Setenv("GOPROXY", "off")
	for text, want := range map[string]string{
		"\ntoolchain go1.2.999\n":                                 "go.tools:2: go1.2.999: ",
		"compiler go1.26.8\nprogram example.com/none@v1.0.0\n":    "go.tools:2: example.com/none@v1.0.0: ",
		"compiler go1.2.999\n\nprogram example.com/none@v1.0.0\n": "go.tools:3: example.com/none@v1.0.0: ",
	} {
		tools, err := Parse(File, strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		err = tools.Write(t.Context(), "amd64", t.TempDir(), nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want an error that begins with %q", text, err, want)
		}
	}
}

// What is not tracked is not in a context, and must not get into an image.
func TestFindReadsTheContext(t *testing.T) {
	folder, dir := t.TempDir(), t.TempDir()
	find := Find(nil)
	if input, err := find(image.Image{Folder: folder}); input != nil || err != nil {
		t.Errorf("an image without a go.tools: %v, %v", input, err)
	}
	path := filepath.Join(folder, File)
	if err := os.WriteFile(path, []byte("toolchain go1.26.8\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	input, err := find(image.Image{Folder: folder})
	if err != nil {
		t.Fatal(err)
	}
	if err := input.Write(t.Context(), "amd64", dir); err == nil || !strings.Contains(err.Error(), path+" is not tracked") {
		t.Errorf("a go.tools that is not tracked: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, File), []byte("nonsense\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := input.Write(t.Context(), "amd64", dir); err == nil || !strings.HasPrefix(err.Error(), path+":1: ") {
		t.Errorf("the context's go.tools is bad: %v", err)
	}
}
