package evidenceflags

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store/storeurl"
)

const (
	disk  = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	image = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

func parse(t *testing.T, args ...string) *Flags {
	t.Helper()
	var f Flags
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.Add(set, "boot")
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &f
}

func TestCheck(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string // part of the misuse; empty is none
	}{
		{"nothing is filed", nil, ""},
		{"all is there", []string{"--store", "s", "--key", "k", "--log", "https://ci.example.com/1"}, ""},
		{"a key and no store", []string{"--key", "k"}, "add --store"},
		{"no key", []string{"--store", "s", "--log", "l"}, "--key is missing"},
		{"no log", []string{"--store", "s", "--key", "k"}, "--log is missing"},
		{"no digest", []string{"--subject", "hello-os:next"}, "names no digest"},
		{"no name of a test", []string{"--store", "s", "--key", "k", "--log", "l", "--test", "a/b"}, "--test"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := parse(t, tt.args...).Check()
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// A subject is named once, whoever names it.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	signer, err := signing.Generate()
	if err != nil {
		t.Fatal(err)
	}
	private, err := signing.MarshalPrivate(signer, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, store := filepath.Join(dir, "key"), filepath.Join(dir, "store")
	if err := os.WriteFile(key, private, 0o600); err != nil {
		t.Fatal(err)
	}
	f := parse(t, "--store", store, "--key", key, "--log", "https://ci.example.com/1", "--subject", disk, "--subject", "hello-os="+image)
	var said bytes.Buffer
	env := cli.Env{Stdout: &said, Stderr: &said, Getenv: func(string) string { return "" }}
	result := evidence.Result{Outcome: evidence.Passed, Subjects: []evidence.Subject{{Name: "disk", Digest: disk}}}
	if err := f.File(t.Context(), env, result); err != nil {
		t.Fatal(err)
	}
	s, err := storeurl.Open(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	for _, digest := range []string{disk, image} {
		found, err := evidence.ListTest(t.Context(), s, digest, "boot")
		if err != nil || len(found) != 1 {
			t.Fatalf("evidence of %s: %v, %v", digest, found, err)
		}
		bundle, err := found[0].Bundle(t.Context(), s)
		if err != nil || len(bundle) == 0 {
			t.Errorf("got %d bytes, %v", len(bundle), err)
		}
	}
	if got := strings.Count(said.String(), "evidence/"); got != 2 {
		t.Errorf("it says %s", said.String())
	}
}

// Code that is not merged files no evidence, and a job has a folder for its results.
func TestJob(t *testing.T) {
	const presubmit = `{"type": "presubmit", "refs": {"org": "example", "repo": "hello-os", "base_ref": "main", "base_sha": "0123456789012345678901234567890123456789",
		"pulls": [{"number": 7, "sha": "0123456789012345678901234567890123456789"}]}}`
	filed := []string{"--store", "s", "--key", "k", "--log", "l"}
	tests := []struct {
		name, spec, want string
		args             []string
	}{
		{"presubmit with evidence", presubmit, "not merged", filed},
		{"presubmit without", presubmit, "", nil},
		{"by hand", "", "", filed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			known := map[string]string{"JOB_SPEC": tt.spec, "ARTIFACTS": "/logs/artifacts"}
			env := cli.Env{Getenv: func(name string) string { return known[name] }}
			var artifacts string
			err := parse(t, tt.args...).Job(env, &artifacts)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err == nil && artifacts != "/logs/artifacts" {
				t.Errorf("results go into %q", artifacts)
			}
		})
	}
	var artifacts string
	if err := parse(t).Job(cli.Env{Getenv: func(string) string { return "" }}, &artifacts); err == nil || !strings.Contains(err.Error(), "--artifacts") {
		t.Errorf("no folder: got %v", err)
	}
}
