package promotecmd

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/testkit/registry"
)

// TestMain makes this program the command that the scripts run.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"slipway": func() {
			cli.Main(func(env cli.Env) *cobra.Command {
				return cli.Group("slipway", "", Groups(env)...)
			})
		},
	})
}

// TestScripts runs testdata/script/*.txtar with real stores and registries.
func TestScripts(t *testing.T) {
	server := registry.Start(t, registry.InProcess)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("REGISTRY", server.Host)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("D1", "sha256:"+strings.Repeat("1", 64))
			env.Setenv("D2", "sha256:"+strings.Repeat("2", 64))
			return nil
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fails": fails, "image": image, "find": find, "spoil": spoil, "absent": absent,
			"expand": expand, "digest": digest, "hash": hash, "retag": retag,
			"packages": packages, "blob": blob, "released": released,
		},
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

// image pushes a new image and puts its name by digest into a variable: image PATH VARIABLE.
func image(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: image PATH VARIABLE")
	}
	img, err := random.Image(64, 1)
	ts.Check(err)
	tag, err := name.NewTag(ts.Getenv("REGISTRY") + "/" + args[0] + ":next")
	ts.Check(err)
	ts.Check(remote.Write(tag, img))
	digest, err := img.Digest()
	ts.Check(err)
	ts.Setenv(args[1], tag.Context().Name()+"@"+digest.String())
}

// find puts the path of the one file that a pattern matches into a variable: find PATTERN VARIABLE.
func find(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: find PATTERN VARIABLE")
	}
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) != 1 {
		ts.Fatalf("%s matches %d files instead of one", args[0], len(files))
	}
	ts.Setenv(args[1], files[0])
}

// spoil changes a byte in every file that a pattern matches: spoil PATTERN.
func spoil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: spoil PATTERN")
	}
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("nothing matches %s", args[0])
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		ts.Check(err)
		data[len(data)/2] ^= 1
		ts.Check(os.Remove(file))
		ts.Check(os.WriteFile(file, data, 0o644))
	}
}

// absent checks that no file matches a pattern: absent PATTERN.
func absent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: absent PATTERN")
	}
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) > 0 {
		ts.Fatalf("%s is there", strings.Join(files, ", "))
	}
}

// expand replaces variables in files: expand FILE...
func expand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE...")
	}
	for _, file := range args {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o644))
	}
}

// digest puts the digest of an image's name into a variable: digest NAME VARIABLE.
func digest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: digest NAME VARIABLE")
	}
	_, found, _ := strings.Cut(args[0], "@")
	ts.Setenv(args[1], found)
}

// hash puts the hash of the plan that was printed as JSON into a variable: hash VARIABLE.
func hash(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hash VARIABLE")
	}
	var plan struct{ Hash string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &plan))
	ts.Setenv(args[0], plan.Hash)
}

// retag moves a tag past every ledger: retag NAME TAG.
func retag(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: retag NAME TAG")
	}
	ref, err := name.NewDigest(args[0])
	ts.Check(err)
	img, err := remote.Image(ref)
	ts.Check(err)
	ts.Check(remote.Tag(ref.Context().Tag(args[1]), img))
}
