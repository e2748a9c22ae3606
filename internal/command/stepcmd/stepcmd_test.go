package stepcmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/cli"
)

func call(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	env := cli.Env{Args: args, Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" }}
	return cli.Run(t.Context(), env, FlowStep(env)), out.String()
}

func TestRun(t *testing.T) {
	folder := t.TempDir()
	if code, said := call(t, "run", "--logs="+folder, "--makes="+folder+"/out", "--", "sh", "-c", "echo hello; echo x >"+folder+"/out/x"); code != 0 || said != "hello\n" {
		t.Errorf("exit code %d, %s", code, said)
	}
	if code, said := call(t, "run", "--", "sh", "-c", "exit 7"); code != 7 {
		t.Errorf("exit code %d, want the build's; %s", code, said)
	}
	if code, said := call(t, "run"); code != cli.ExitMisused {
		t.Errorf("exit code %d, %s", code, said)
	}
}

// What keep leaves, take brings: the commands as generated jobs call them.
func TestKeepAndTake(t *testing.T) {
	folder := t.TempDir()
	store, logs, out, taken := folder+"/store", folder+"/logs", folder+"/artifacts/repo", folder+"/flow"
	if err := os.MkdirAll(out, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{out + "/Packages": "hello", logs + "/build-marker.txt": "0"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(store, 0o755); err != nil {
		t.Fatal(err)
	}
	code, said := call(t, "keep", "--store="+store, "--flow=guest/74", "--stage=build", "--logs="+logs, "--after=build", "--keep="+out)
	if code != 0 || !strings.Contains(said, "run 00000001 of build of guest/74 is kept") {
		t.Fatalf("keep: exit code %d, %s", code, said)
	}
	code, said = call(t, "take", "--store="+store, "--flow=guest/74", "--stage=sign", "--take=build/repo", "--folder="+taken)
	if text, err := os.ReadFile(taken + "/repo/Packages"); code != 0 || string(text) != "hello" {
		t.Errorf("take: exit code %d, %s; %q, %v", code, said, text, err)
	}
	for _, args := range [][]string{{"take", "--take=build"}, {"take", "--store=x", "--flow=y", "--stage=z", "--take=build"}, {"keep"}} {
		if code, said := call(t, args...); code != cli.ExitMisused {
			t.Errorf("%v: exit code %d, %s", args, code, said)
		}
	}
}
