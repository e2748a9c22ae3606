package configcmd

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/image/gotools"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/internal/testkit/tools"
)

// TestMain makes this program the commands that the scripts run.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"slipway":      func() { cli.Main(func(env cli.Env) *cobra.Command { return cli.Group("slipway", "", Group(env)) }) },
		"config-check": func() { cli.Main(Job) },
	})
}

// TestScripts runs testdata/script/*.txtar with real git and Prow's own checkconfig,
// once for this checkout and once for small ones that go wrong.
func TestScripts(t *testing.T) {
	need.Tool(t, "git", "git")
	checkconfig := tools.Prow(t, "checkconfig")
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
			env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			env.Setenv("CHECKCONFIG", checkconfig)
			env.Setenv("ROOT", root)
			return nil
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"fails": fails},
	})
}

// fails runs a program that must end with the exit code: fails CODE PROGRAM ARG...
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE PROGRAM ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	var exit interface{ ExitCode() int }
	if !errors.As(err, &exit) || strconv.Itoa(exit.ExitCode()) != args[0] {
		ts.Fatalf("%s: got %v, want exit code %s", args[1], err, args[0])
	}
}

// The program that the command builds is the image's, and of go.mod's Prow.
func TestOneCheckconfig(t *testing.T) {
	file := filepath.Join("..", "..", "images", "config-check", gotools.File)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	image, err := gotools.Parse(file, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := gotools.Parse("recipe", strings.NewReader(recipe))
	if err != nil {
		t.Fatal(err)
	}
	if len(image.Programs) != 1 || image.Programs[0].Value != ours.Programs[0].Value || image.Compiler.Value != ours.Compiler.Value {
		t.Errorf("%s has %v by %v, the command builds %v by %v", file, image.Programs, image.Compiler, ours.Programs, ours.Compiler)
	}
	mod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), "\tsigs.k8s.io/prow "+prowVersion+"\n") {
		t.Errorf("go.mod has another version of Prow than %s", prowVersion)
	}
}

// A program that is there is not built again, and none is built without Go.
func TestBuild(t *testing.T) {
	var said []string
	say := func(message string) { said = append(said, message) }
	folder := t.TempDir()
	file := filepath.Join(folder, programName)
	t.Setenv("PATH", t.TempDir())
	if err := build(t.Context(), folder, file, say); err == nil || !strings.Contains(err.Error(), "go is not installed") {
		t.Errorf("built without Go: %v", err)
	}
	if len(said) == 0 || !strings.Contains(said[0], "it takes some minutes, once") {
		t.Errorf("said %q", said)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "build-*")); len(left) > 0 {
		t.Errorf("left %q", left)
	}
	if err := os.WriteFile(file, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	said = nil
	if err := build(t.Context(), folder, file, say); err != nil || len(said) > 0 {
		t.Errorf("built again: %v, %q", err, said)
	}
}
