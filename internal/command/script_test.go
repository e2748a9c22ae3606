package command

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/sandbox"
	"slipway.dev/slipway/internal/testkit/need"
)

// TestMain makes this program the commands that the scripts run, with the mains'
// own handling of signals and exit codes.
func TestMain(m *testing.M) {
	sandbox.Enter()
	testscript.Main(m, map[string]func(){
		"slipway":        func() { cli.Main(Slipway) },
		"packagebuild":   func() { cli.Main(Packagebuild) },
		"daisy-builder":  func() { cli.Main(DaisyBuilder) },
		"version-tagger": func() { cli.Main(VersionTagger) },
	})
}

// TestScripts runs testdata/script/*.txtar with real git, and real clean roots from
// the cache that everybody shares.
func TestScripts(t *testing.T) {
	need.Root(t)
	for program, provider := range map[string]string{
		"git": "git", "mmdebstrap": "mmdebstrap", "rpmbuild": "rpm", "dpkg-deb": "dpkg", "unshare": "util-linux",
	} {
		need.Tool(t, program, provider)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		Setup:               setup,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await": await, "capture": capture, "clean": clean, "commit": commit, "craft": craft,
			"digests": digests, "fails": fails, "flip": flip, "listing": listing,
		},
	})
}

// setup gives a script a home and a cache of its own; of the latter the roots are
// everybody's. LATER is a day after today that stays so while the script runs.
func setup(env *testscript.Env) error {
	shared, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	cache := filepath.Join(env.WorkDir, ".cache", "slipway")
	roots := filepath.Join(shared, "slipway", "roots")
	if err := errors.Join(os.MkdirAll(cache, 0o755), os.MkdirAll(roots, 0o700), os.Symlink(roots, filepath.Join(cache, "roots"))); err != nil {
		return err
	}
	home := filepath.Join(env.WorkDir, ".home")
	config := "[user]\n\tname = Tester\n\temail = tester@example.com\n"
	if err := errors.Join(os.MkdirAll(home, 0o755), os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o644)); err != nil {
		return err
	}
	for name, path := range map[string]string{"TINY": "testdata/tiny", "EXAMPLE": "../../examples/hello-guest"} {
		whole, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		env.Setenv(name, whole)
	}
	env.Setenv("HOME", home)
	env.Setenv("XDG_CACHE_HOME", filepath.Dir(cache))
	env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	env.Setenv("LATER", time.Now().UTC().Add(48*time.Hour).Format("20060102"))
	return nil
}

// clean checks that the commands left neither scratch folders nor half-written
// files, and no process or mount that has to do with the script's folder. Of one
// that was killed, the scratch folder stays for another command to sweep.
func clean(ts *testscript.TestScript, neg bool, args []string) {
	patterns := []string{".tmp/slipway*", "*/.slipway-*", "*/*/.slipway-*"}
	switch {
	case neg || len(args) > 1 || len(args) == 1 && args[0] != "killed":
		ts.Fatalf("usage: clean [killed]")
	case len(args) == 0:
		patterns = append(patterns, ".cache/slipway/work-*")
	}
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(ts.Getenv("WORK"), pattern))
		ts.Check(err)
		if len(found) > 0 {
			ts.Fatalf("left behind: %v", found)
		}
	}
	left := inProc(ts)
	for deadline := time.Now().Add(10 * time.Second); len(left) > 0 && time.Now().Before(deadline); left = inProc(ts) {
		time.Sleep(20 * time.Millisecond)
	}
	if len(left) > 0 {
		ts.Fatalf("still there: %q", left)
	}
}

// inProc are the command lines and the mounts that name the script's folder.
func inProc(ts *testscript.TestScript) []string {
	var found []string
	for _, file := range []string{"cmdline", "mountinfo"} {
		paths, err := filepath.Glob("/proc/[0-9]*/" + file)
		ts.Check(err)
		for _, path := range paths {
			if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), ts.Getenv("WORK")) {
				found = append(found, path+": "+string(data))
			}
		}
	}
	return found
}
