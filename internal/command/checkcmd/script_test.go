package checkcmd

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	spyglass "github.com/GoogleCloudPlatform/testgrid/metadata/junit"
	"github.com/rogpeppe/go-internal/testscript"

	"slipway.dev/slipway/internal/checks/gocheck"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/image/gotools"
	"slipway.dev/slipway/internal/testkit/need"
)

// TestMain makes this program the commands that the scripts run.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"gocheck": func() { cli.Main(GoCheck) },
		"gotest":  func() { cli.Main(GoTest) },
		"gobuild": func() { cli.Main(GoBuild) },
		"pycheck": func() { cli.Main(PyCheck) },
	})
}

// TestScripts runs testdata/script/*.txtar with real git, Go and Python, and with
// the staticcheck that the job image has.
func TestScripts(t *testing.T) {
	for program, provider := range map[string]string{
		"git": "git", "go": "golang-go", "/usr/bin/python3": "python3", "flake8": "flake8", "pytest-3": "python3-pytest",
	} {
		need.Tool(t, program, provider)
	}
	goenv, err := exec.Output(t.Context(), exec.Cmd{Args: []string{"go", "env", "GOCACHE", "GOMODCACHE"}})
	if err != nil {
		t.Fatal(err)
	}
	caches := strings.Fields(string(goenv))
	tools := staticcheckFolder(t)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GOCACHE", caches[0])
			env.Setenv("GOMODCACHE", caches[1])
			env.Setenv("GOPROXY", "off")
			env.Setenv("HOME", filepath.Join(env.WorkDir, ".home"))
			env.Setenv("TOOLS", tools)
			// Debian's python3 is the one that Debian's pytest is for.
			env.Setenv("PATH", env.Getenv("PATH")+":"+filepath.Dir(goProgram(t)))
			return os.MkdirAll(env.Getenv("HOME"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"fails": fails, "junit": junitCommand},
	})
}

func goProgram(t *testing.T) string {
	path, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// staticcheckFolder holds the staticcheck of images/gocheck, whose version must be
// the one that gocheck tells people to install.
func staticcheckFolder(t *testing.T) string {
	file := filepath.Join("..", "..", "..", "images", "gocheck", gotools.File)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tools, err := gotools.Parse(file, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := "honnef.co/go/tools/cmd/staticcheck@" + gocheck.StaticcheckVersion
	if !slices.ContainsFunc(tools.Programs, func(l gotools.Line) bool { return l.Value == want }) {
		t.Errorf("%s has %v, gocheck says to install %s", file, tools.Programs, want)
	}
	dir := t.TempDir()
	if err := tools.Write(t.Context(), runtime.GOARCH, dir, nil); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "bin")
}

// fails runs a program that must end with the exit code: fails CODE PROGRAM ARG...
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE PROGRAM ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	var exit interface{ ExitCode() int }
	if err == nil || !errors.As(err, &exit) || strconv.Itoa(exit.ExitCode()) != args[0] {
		ts.Fatalf("%s: got %v, want exit code %s", args[1], err, args[0])
	}
}

// junitCommand checks the cases of a report as Spyglass reads them, one a line, as
// CLASS NAME VERDICT where class and verdict are as many words: junit REPORT FILE.
func junitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: junit REPORT FILE")
	}
	suites, err := spyglass.Parse([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	var lines []string
	for _, suite := range suites.Suites {
		for _, r := range suite.Results {
			verdict := "passed"
			switch {
			case r.Failure != nil:
				verdict = "failed: " + r.Failure.Message
			case r.Skipped != nil:
				verdict = "skipped: " + r.Skipped.Message
			}
			lines = append(lines, r.ClassName+" "+r.Name+" "+verdict+"\n")
		}
	}
	if got, want := strings.Join(lines, ""), ts.ReadFile(args[1]); got != want {
		ts.Fatalf("%s holds\n%swant\n%s", args[0], got, want)
	}
}
