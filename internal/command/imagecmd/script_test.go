package imagecmd

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/testkit/need"
)

// TestMain makes this program the command that the scripts run.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"slipway": func() {
			cli.Main(func(env cli.Env) *cobra.Command { return cli.Group("slipway", "", Group(env)) })
		},
	})
}

// TestScripts runs testdata/script/*.txtar with real git.
func TestScripts(t *testing.T) {
	need.Tool(t, "git", "git")
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
			env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			return nil
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"fails": fails, "track": track, "capture": capture},
	})
}

// fails runs a program that must end with the exit code: fails CODE PROGRAM ARG...
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE PROGRAM ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	var exit interface{ ExitCode() int }
	switch {
	case err == nil:
		ts.Fatalf("%s succeeded", args[1])
	case !errors.As(err, &exit) || strconv.Itoa(exit.ExitCode()) != args[0]:
		ts.Fatalf("%s: got %v, want exit code %s", args[1], err, args[0])
	case strings.Contains(ts.ReadFile("stderr"), "goroutine "):
		ts.Fatalf("%s panicked", args[1])
	}
}

// track makes folders git checkouts that track all that is in them: track FOLDER...
func track(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: track FOLDER...")
	}
	for _, folder := range args {
		ts.Check(ts.Exec("git", "init", "--quiet", folder))
		ts.Check(ts.Exec("git", "-C", folder, "add", "--all"))
	}
}

// capture puts what was printed last into a variable: capture NAME.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: capture NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}
