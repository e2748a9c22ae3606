package podutils

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/clonerefs"
	"sigs.k8s.io/prow/pkg/entrypoint"
	"sigs.k8s.io/prow/pkg/gcsupload"
	"sigs.k8s.io/prow/pkg/initupload"
	"sigs.k8s.io/prow/pkg/pod-utils/clone"
	"sigs.k8s.io/prow/pkg/pod-utils/downwardapi"
	"sigs.k8s.io/prow/pkg/pod-utils/wrapper"
	"sigs.k8s.io/prow/pkg/sidecar"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/gitrepo"
	"slipway.dev/slipway/prow/podutils/podutilstest"
)

func TestChoose(t *testing.T) {
	tests := []struct {
		name string
		argv []string
		env  []string
		want string
		args []string
	}{
		{"by its name", []string{"/tools/entrypoint", "--timeout", "1s"}, nil, "entrypoint", []string{"--timeout", "1s"}},
		{"its name wins", []string{"/sidecar", "clonerefs"}, []string{"ENTRYPOINT_OPTIONS"}, "sidecar", []string{"clonerefs"}},
		{"by argument", []string{"/pod-utilities", "initupload", "--dry-run"}, []string{"SIDECAR_OPTIONS"}, "initupload", []string{"--dry-run"}},
		{"clonerefs by options", []string{"/pod-utilities"}, []string{"CLONEREFS_OPTIONS"}, "clonerefs", []string{}},
		{"initupload by options", []string{"/pod-utilities"}, []string{"INITUPLOAD_OPTIONS"}, "initupload", []string{}},
		{"sidecar by options", []string{"/pod-utilities"}, []string{"SIDECAR_OPTIONS"}, "sidecar", []string{}},
		{"entrypoint by options", []string{"/pod-utilities"}, []string{"ENTRYPOINT_OPTIONS"}, "entrypoint", []string{}},
		{"place-entrypoint", []string{"/pod-utilities", "--copy-mode-only"}, nil, "entrypoint", []string{"--copy-mode-only"}},
		{"nothing says", []string{"/pod-utilities"}, nil, "", nil},
		{"an unknown argument", []string{"/pod-utilities", "tide"}, nil, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, args, err := choose(tt.argv, func(name string) (string, bool) { return "", slices.Contains(tt.env, name) })
			if got.name != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q, %v; want %q", got.name, err, tt.want)
			}
			if diff := cmp.Diff(tt.args, args); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
		})
	}
}

// called runs program under a name with options in its variable, and returns its
// output and exit code.
func called(t *testing.T, program string, argv []string, env ...string) (string, int) {
	t.Helper()
	out, err := exec.Output(t.Context(), exec.Cmd{Args: argv, Path: program, Env: append(os.Environ(), env...), Dir: t.TempDir()})
	if err != nil {
		t.Log(err)
		return string(out), exec.ExitCode(err)
	}
	return string(out), 0
}

func variable(t *testing.T, name string, options any) string {
	t.Helper()
	text, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	return name + "=" + string(text)
}

func read[T any](t *testing.T, path string) (value T) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &value)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// pod is what a decorated pod's containers share.
type pod struct {
	program, logs, output, tool string
	job                         string // the job's specification, as a variable
	refs                        prowapi.Refs
	upload                      gcsupload.Options
	wrapped                     wrapper.Options
}

func newPod(t *testing.T) *pod {
	dir := t.TempDir()
	p := &pod{
		program: podutilstest.Program(t, "podutils"),
		logs:    filepath.Join(dir, "logs"), output: filepath.Join(dir, "output"), tool: filepath.Join(dir, "tools", "entrypoint"),
	}
	if err := os.MkdirAll(filepath.Join(p.logs, "artifacts"), 0o755); err != nil {
		t.Fatal(err)
	}
	remote := gitrepo.New(t)
	p.refs = prowapi.Refs{Org: "org", Repo: "repo", BaseRef: "main", CloneURI: remote.URL}
	p.refs.BaseSHA = remote.Commit(t, map[string]string{"README": "hello\n"})
	spec := prowapi.ProwJobSpec{Type: prowapi.PeriodicJob, Job: "job", ExtraRefs: []prowapi.Refs{p.refs}}
	p.job = variable(t, downwardapi.JobSpecEnv, downwardapi.NewJobSpec(spec, "1", "pj"))
	p.upload.GCSConfiguration = &prowapi.GCSConfiguration{PathStrategy: prowapi.PathStrategyExplicit, LocalOutputDir: p.output}
	p.wrapped = wrapper.Options{
		Args: []string{"sh", "-c", "echo said; echo made > $ARTIFACTS/made; exit 3"}, ContainerName: "test",
		ProcessLog: filepath.Join(p.logs, "process-log.txt"), MarkerFile: filepath.Join(p.logs, "marker-file.txt"),
	}
	return p
}

func mustExit(t *testing.T, want int, program string, argv []string, env ...string) string {
	t.Helper()
	out, code := called(t, program, argv, env...)
	if code != want {
		t.Fatalf("%v exits with %d, want %d", argv, code, want)
	}
	return out
}

// Each utility runs as the pod starts it: as a process, by its variable alone, and
// on what the one before it left.
func TestUtilities(t *testing.T) {
	p, anonymous := newPod(t), []string{"/pod-utilities"}
	cloneLog, artifacts := filepath.Join(p.logs, "clone.json"), filepath.Join(p.logs, "artifacts")

	mustExit(t, 0, p.program, anonymous, variable(t, clonerefs.JSONConfigEnvVar, clonerefs.Options{
		SrcRoot: filepath.Join(p.logs, "go"), Log: cloneLog, GitRefs: []prowapi.Refs{p.refs}}))
	records := read[[]clone.Record](t, cloneLog)
	if got := records[len(records)-1].FinalSHA; got != p.refs.BaseSHA {
		t.Errorf("clonerefs checked %q out, want %s", got, p.refs.BaseSHA)
	}

	mustExit(t, 0, p.program, anonymous, p.job, variable(t, initupload.JSONConfigEnvVar, initupload.Options{Options: &p.upload, Log: cloneLog}))
	if started := read[map[string]any](t, filepath.Join(p.output, "started.json")); started["timestamp"] == nil {
		t.Errorf("started.json is %v", started)
	}

	mustExit(t, 0, p.program, append(anonymous, "--copy-mode-only", "--copy-destination", p.tool))
	out := mustExit(t, 3, p.tool, []string{p.tool}, "ARTIFACTS="+artifacts,
		variable(t, entrypoint.JSONConfigEnvVar, entrypoint.Options{Options: &p.wrapped, ArtifactDir: artifacts}))
	if !strings.HasPrefix(out, "said\n") {
		t.Errorf("entrypoint printed %q, want what its command said first", out)
	}

	p.upload.Items = []string{artifacts}
	mustExit(t, 0, p.program, anonymous, p.job, variable(t, sidecar.JSONConfigEnvVar,
		sidecar.Options{GcsOptions: &p.upload, Entries: []wrapper.Options{p.wrapped}}))
	if finished := read[map[string]any](t, filepath.Join(p.output, "finished.json")); finished["result"] != "FAILURE" {
		t.Errorf("finished.json is %v", finished)
	}
	for _, name := range []string{"build-log.txt", "artifacts/made", "sidecar-logs.json", "clone-records.json"} {
		if _, err := os.Stat(filepath.Join(p.output, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestMisuse(t *testing.T) {
	program := podutilstest.Program(t, "podutils")
	tests := []struct {
		name string
		argv []string
		env  string
		want int
	}{
		{"nothing says which", []string{"/pod-utilities"}, "", 2},
		{"unknown flag", []string{"/clonerefs", "--no-such-flag"}, "", 2},
		{"help", []string{"/clonerefs", "--help"}, "", 0},
		{"no refs", []string{"/clonerefs", "--src-root", "/x", "--log", "/y"}, "", 1},
		{"options that are no JSON", []string{"/initupload"}, "INITUPLOAD_OPTIONS={", 1},
		{"nothing to wrap", []string{"/entrypoint"}, "ENTRYPOINT_OPTIONS={}", 1},
		{"no job", []string{"/initupload"}, `INITUPLOAD_OPTIONS={"gcs_configuration":{"path_strategy":"explicit","bucket":"b"},"dry_run":true}`, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, got := called(t, program, tt.argv, tt.env); got != tt.want {
				t.Errorf("exit code %d, want %d", got, tt.want)
			}
		})
	}
}
