package openqacmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/exec"
	testopenqa "slipway.dev/slipway/internal/testkit/openqa"
)

// asCommand makes this program the command, for a test that kills it.
const asCommand = "OPENQACMD_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		cli.Main(Tester)
	}
	os.Exit(m.Run())
}

const suite = "settings: {DISTRI: hello, VERSION: \"1\", FLAVOR: disk, ARCH: x86_64}\njobs: [{name: boot}]\n"

// scripted is a world whose openQA does as it is told.
func scripted(t *testing.T) (*world, *testopenqa.Server) {
	s := testopenqa.Start(t)
	w := newWorld(t, s.URL, s.Key, s.Secret, s.Folder)
	w.suite(suite)
	return w, s
}

func TestRunFilesEvidence(t *testing.T) {
	tests := []struct {
		result, suite          string
		code                   int
		outcome                string
		passed, warned, failed []string
	}{
		{"passed", suite, 0, "passed", []string{"boot", "boot/boot", "boot/login"}, nil, nil},
		{"softfailed", strings.Replace(suite, "name: boot", "name: boot, allow-softfailed: true", 1), 0, "warned", []string{"boot/boot"}, []string{"boot", "boot/login"}, nil},
		{"softfailed", suite, 1, "failed", []string{"boot/boot"}, nil, []string{"boot", "boot/login"}},
		{"failed", suite, 1, "failed", []string{"boot/boot"}, nil, []string{"boot", "boot/login"}},
	}
	for _, tt := range tests {
		t.Run(tt.result+" is "+tt.outcome, func(t *testing.T) {
			t.Parallel()
			w, s := scripted(t)
			s.Script["boot"] = testopenqa.Done(tt.result)
			w.suite(tt.suite)
			if code, said := w.run(); code != tt.code || !strings.Contains(said, s.URL+"/tests/1") {
				t.Errorf("got %d and %s", code, said)
			}
			w.wantEvidence(tt.outcome, tt.passed, tt.warned, tt.failed)
			for _, name := range []string{"openqa.json", "junit_openqa.xml", "openqa/boot/autoinst-log.txt"} {
				if _, err := os.Stat(filepath.Join(w.artifacts, name)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// What says nothing of the disk fails, and files nothing.
func TestRunFilesNothing(t *testing.T) {
	refuse := func(status int, body string) func(*world, *testopenqa.Server) {
		return func(_ *world, s *testopenqa.Server) {
			s.Intercept = func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
				return true
			}
		}
	}
	tests := []struct {
		name   string
		change func(*world, *testopenqa.Server)
		want   string
	}{
		{"down", func(w *world, _ *testopenqa.Server) { w.host = "http://127.0.0.1:1" }, "openQA does not answer"},
		{"broken", refuse(500, "oops"), "openQA is too busy, or broken"},
		{"wrong key", func(w *world, _ *testopenqa.Server) { w.env[keyEnv] = "0000" }, "openQA refuses the key"},
		{"rubbish", refuse(200, "<html>"), "the answer is none of openQA's"},
		{"cancelled", func(_ *world, s *testopenqa.Server) {
			s.Script["boot"] = []testopenqa.Look{{State: "done", Result: "user_cancelled"}}
		}, "boot cancelled"},
		{"not picked up", func(_ *world, s *testopenqa.Server) {
			s.Script["boot"] = []testopenqa.Look{{State: "scheduled", Result: "none"}}
		}, "no worker picked it up"},
		{"another disk", func(w *world, s *testopenqa.Server) {
			s.Intercept = func(_ http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/details") { // when it was tested, and not yet read back
					disks, err := filepath.Glob(filepath.Join(s.Folder, "slipway-*"))
					w.check(err)
					w.check(os.WriteFile(disks[0], []byte("another disk\n"), 0o600))
				}
				return false
			}
		}, "what was tested there is another disk"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, s := scripted(t)
			tt.change(w, s)
			code, said := w.run("--unpicked", "10ms", "--outage", "100ms")
			if code != 1 || !strings.Contains(said, tt.want) {
				t.Errorf("got %d and %s, want %q", code, said, tt.want)
			}
			if left, _ := filepath.Glob(filepath.Join(w.store, "evidence", "*")); len(left) > 0 {
				t.Errorf("evidence: %q", left)
			}
			if strings.Contains(said, s.Secret) {
				t.Errorf("the secret is told: %s", said)
			}
		})
	}
}

func TestRunAborted(t *testing.T) {
	w, s := scripted(t)
	s.Script["boot"] = []testopenqa.Look{{State: "running", Result: "none"}}
	ctx, cancel := context.WithCancelCause(t.Context())
	w.when = map[string]func(){"is running": func() { cancel(errors.New("interrupted by SIGTERM")) }}
	code, said := w.runIn(ctx)
	if code != 1 || !strings.Contains(said, "interrupted by SIGTERM") || s.Jobs()[0].Cancelled != "slipway: interrupted by SIGTERM" {
		t.Errorf("got %d and %s; %+v", code, said, s.Jobs())
	}
}

// A run that is killed while it waits leaves its jobs; the next one finds them, and
// submits nothing.
func TestRunKilled(t *testing.T) {
	w, s := scripted(t)
	s.Script["boot"] = []testopenqa.Look{{State: "running", Result: "none"}}
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	said := &speech{when: map[string]func(){"is running": kill}}
	err := exec.Run(ctx, exec.Cmd{
		Args:   []string{os.Args[0], "run", "--host", s.URL, "--suite", filepath.Join(w.dir, "suite.yaml"), "--disk", w.disk, "--asset-dir", s.Folder, "--id", "77"},
		Env:    []string{asCommand + "=1", keyEnv + "=" + s.Key, secretEnv + "=" + s.Secret},
		Stdout: said, Stderr: said,
	})
	if err == nil || len(s.Jobs()) != 1 || s.Jobs()[0].Cancelled != "" {
		t.Fatalf("got %v, %s; jobs %+v", err, said.text.String(), s.Jobs())
	}
	s.Finish("passed")
	code, again := w.run("--id", "77")
	if code != 0 || len(s.Jobs()) != 1 || !strings.Contains(again, "found the jobs of this run") {
		t.Errorf("got %d and %s; jobs %+v", code, again, s.Jobs())
	}
	if e := w.latest(image); e == nil || e.Outcome != evidence.Passed {
		t.Errorf("evidence: %+v", e)
	}
}

func TestStatus(t *testing.T) {
	w, s := scripted(t)
	s.Script["boot"] = []testopenqa.Look{{State: "done", Result: "failed", Restart: true}, {State: "done", Result: "passed"}}
	if code, said := w.run(); code != 0 {
		t.Fatalf("got %d and %s", code, said)
	}
	w.env = nil // it needs no key
	code, said := w.call(t.Context(), "status", "--host", w.host, "1", "2")
	if code != 0 || !strings.Contains(said, "restarted as 2") || !strings.Contains(said, s.URL+"/tests/2") {
		t.Errorf("got %d and %s", code, said)
	}
	code, said = w.call(t.Context(), "status", "--host", w.host, "2", "--output", "json")
	var list []shown
	if err := json.NewDecoder(bytes.NewBufferString(said)).Decode(&list); code != 0 || err != nil || len(list) != 1 || list[0].Result != "passed" {
		t.Errorf("got %d, %v and %s", code, err, said)
	}
	if code, said := w.call(t.Context(), "status", "--host", w.host, "9"); code != 1 || !strings.Contains(said, "openQA does not have it") {
		t.Errorf("got %d and %s", code, said)
	}
}

// presubmit is what Prow tells a job of a pull request.
var presubmit = map[string]string{
	keyEnv: "x", secretEnv: "y", "JOB_TYPE": "presubmit", "JOB_NAME": "e2e", "BUILD_ID": "1", "PROW_JOB_ID": "1",
	"JOB_SPEC": `{"type":"presubmit","job":"e2e","buildid":"1","prowjobid":"1","refs":{"org":"o","repo":"r","base_ref":"main","base_sha":"1111111111111111111111111111111111111111",` +
		`"pulls":[{"number":1,"author":"a","sha":"2222222222222222222222222222222222222222"}]}}`,
}

func TestMisuse(t *testing.T) {
	tests := []struct {
		name string
		args []string
		env  map[string]string
		want string
	}{
		{"no host", []string{"--host", ""}, nil, "--host is missing"},
		{"a host with a password", []string{"--host", "https://a:b@openqa"}, nil, "holds a password"},
		{"no suite", []string{"--suite", ""}, nil, "--suite is missing"},
		{"no disk", []string{"--disk", ""}, nil, "--disk is missing"},
		{"a digest that is none", []string{"--digest", "abc"}, nil, "is no digest"},
		{"two ways", []string{"--asset", "https://x/y.qcow2"}, nil, "exclude each other"},
		{"an asset that is no address", []string{"--asset-dir", "", "--asset", "disk.qcow2"}, nil, "write https://HOST/PATH"},
		{"an asset with a password", []string{"--asset-dir", "", "--asset", "https://a:b@x/y.qcow2"}, nil, "shows everybody"},
		{"a suite that is not there", []string{"--suite", "none.yaml"}, nil, "read suite: open none.yaml"},
		{"evidence of code that is not merged", nil, presubmit, "a presubmit job files no evidence"},
		{"nothing to copy", []string{"--disk", "", "--digest", image}, nil, "--asset-dir needs --disk"},
		{"no time", []string{"--wait", "0s"}, nil, "more than 0"},
		{"no patience", []string{"--outage", "0s"}, nil, "no time to wait"},
		{"no log", []string{"--log", ""}, nil, "--log is missing"},
		{"no key", nil, map[string]string{}, "openQA's key is missing"},
		{"half a key", nil, map[string]string{keyEnv: "x"}, "only one of"},
		{"a suite that is none", []string{"--suite", "run_test.go"}, nil, "read suite run_test.go"},
		{"status of nothing", []string{"status"}, nil, "name at least one job"},
		{"status of a word", []string{"status", "--host", "http://x", "boot"}, nil, "no number of a job"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, s := scripted(t)
			if tt.env != nil {
				w.env = tt.env
			}
			call := w.run
			if len(tt.args) > 0 && tt.args[0] == "status" {
				call = func(args ...string) (int, string) { return w.call(t.Context(), args...) }
			}
			code, said := call(tt.args...)
			if code != cli.ExitMisused || !strings.Contains(said, tt.want) || len(s.Requests("")) > 0 {
				t.Errorf("got %d and %s, want %q; requests %q", code, said, tt.want, s.Requests(""))
			}
		})
	}
}

// The disk that was boot-tested is the one that is tested, by its digest.
func TestRunRefusesAnotherDisk(t *testing.T) {
	w, s := scripted(t)
	if code, said := w.run("--digest", image); code != 1 || !strings.Contains(said, "name the disk that was boot-tested") || len(s.Jobs()) > 0 {
		t.Errorf("got %d and %s", code, said)
	}
}
