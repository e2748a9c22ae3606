package tastcmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/promotecmd"
	"slipway.dev/slipway/internal/junit"
)

// called is how a command ended.
type called struct {
	code                      int
	stdout, stderr, artifacts string
}

func call(t *testing.T, command func(cli.Env) *cobra.Command, args ...string) called {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := called{artifacts: t.TempDir()}
	getenv := func(name string) string { return map[string]string{"ARTIFACTS": c.artifacts}[name] }
	env := cli.Env{Args: args, Stdout: &stdout, Stderr: &stderr, Getenv: getenv}
	c.code = cli.Run(t.Context(), env, command(env))
	c.stdout, c.stderr = stdout.String(), stderr.String()
	t.Logf("%v: exit code %d\n%s%s", args, c.code, c.stdout, c.stderr)
	return c
}

func write(t *testing.T, folder, name, text string) string {
	t.Helper()
	file := filepath.Join(folder, name)
	if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

const (
	good = `{"name":"a.Good","pkg":"p","errors":null,"start":"2026-11-21T11:00:00Z","end":"2026-11-21T11:00:02Z"}`
	bad  = `{"name":"a.Bad","errors":[{"reason":"No ping","file":"ping.go","line":42}],"start":"2026-11-21T11:00:00Z","end":"2026-11-21T11:00:03Z"}`
)

var subject = "image=sha256:" + strings.Repeat("1", 64)

// withStore makes a store, the flags for it, and a look at what was filed.
func withStore(t *testing.T) (flags []string, filed func() []string) {
	t.Helper()
	key, store := filepath.Join(t.TempDir(), "k"), t.TempDir()
	if c := call(t, promotecmd.EvidenceGroup, "keygen", key); c.code != 0 {
		t.Fatal("no key")
	}
	return []string{"--store", store, "--key", key + ".key", "--log", "https://ci.example.com/1", "--subject", subject}, func() []string {
		found, _ := filepath.Glob(store + "/evidence/*/tast/*.json")
		return found
	}
}

func TestRun(t *testing.T) {
	script := write(t, t.TempDir(), "tast", "#!/bin/sh\nif [ $1 = list ]; then echo a.Good; exit; fi\nfor a; do case $a in -resultsdir=*) echo '["+good+"]' >${a#*=}/results.json;; esac; done\n")
	evidence, filed := withStore(t)
	c := call(t, Run, append([]string{"dut", "a.*", "--tast", script}, evidence...)...)
	if c.code != cli.ExitDone || len(filed()) != 1 || !strings.Contains(filed()[0], "20261121T110002Z") {
		t.Errorf("exit code %d, filed %q", c.code, filed())
	}
	data, err := os.ReadFile(filepath.Join(c.artifacts, junitFile))
	if err != nil {
		t.Fatal(err)
	}
	if suites, err := junit.Read(bytes.NewReader(data)); err != nil || suites[0].Cases[0].Name != "a.Good" || suites[0].Failed() != 0 {
		t.Errorf("JUnit: %+v, %v", suites, err)
	}
}

func TestImport(t *testing.T) {
	evidence, filed := withStore(t)
	whole, died := t.TempDir(), t.TempDir()
	write(t, whole, "results.json", "["+good+","+bad+"]")
	write(t, died, "streamed_results.jsonl", good+"\n")
	for _, test := range []struct{ folder, want string }{{whole, "No ping"}, {died, "the run did not end"}, {t.TempDir(), "there are no results"}} {
		before := len(filed())
		c := call(t, Import, append([]string{test.folder}, evidence...)...)
		if c.code != cli.ExitFailed || !strings.Contains(c.stdout, test.want) || !strings.Contains(c.stderr, "evidence: failed") || len(filed()) != before+1 {
			t.Errorf("exit code %d, want %q", c.code, test.want)
		}
	}
}

func TestMisuse(t *testing.T) {
	for _, test := range []struct {
		make func(cli.Env) *cobra.Command
		args []string
		code int
		want string
	}{
		{Run, []string{"dut"}, cli.ExitMisused, "name a device and tests"},
		{Run, []string{"dut", "a", "--deadline", "0s"}, cli.ExitMisused, "no time"},
		{Run, []string{"dut", "a", "--store", "s", "--key", "k", "--log", "https://x"}, cli.ExitMisused, "--subject is missing"},
		{Run, []string{"dut", "a", "--tast", "no-such-tast"}, cli.ExitFailed, "tast is not installed"},
		{Run, []string{"dut", "a", "--dry-run", "--flag=-build=false"}, cli.ExitDone, ""},
		{Import, []string{}, cli.ExitMisused, "one folder"},
		{Import, []string{"/no/such/folder"}, cli.ExitMisused, "no such file"},
		{Import, []string{"tast_test.go"}, cli.ExitMisused, "is no folder"},
		{Tester, []string{"dut", "a", "--tast", "no-such-tast"}, cli.ExitFailed, "tast is not installed"},
	} {
		if c := call(t, test.make, test.args...); c.code != test.code || !strings.Contains(c.stderr, test.want) {
			t.Errorf("%q: exit code %d, want %d and %q", test.args, c.code, test.code, test.want)
		}
	}
}
